import json

from evolver_trial import Trial


def run(trial: Trial) -> None:
    program = trial.load("program.py")
    if trial.phase == "train":
        from accelerate import Accelerator
        from safetensors.torch import save_file

        points = json.loads((trial.public / f"half-{trial.rank}.json").read_text())
        accelerator = Accelerator()
        model = program.train(accelerator, points["x"], points["y"])
        print(f"rank {accelerator.process_index} of {accelerator.num_processes}: {model.weight.item():.6f}")
        if trial.is_main:
            save_file({"slope": model.weight.detach()}, trial.out / "model.safetensors")
        accelerator.end_training()
    else:
        from safetensors.numpy import load_file

        slope = load_file(trial.artifacts / "model.safetensors")["slope"].item()
        hidden = json.loads((trial.inputs / "hidden.json").read_text())
        trial.save_npy("predictions.npy", [float(value) for value in program.predict(slope, hidden)])

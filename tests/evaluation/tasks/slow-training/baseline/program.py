import time


def train(x, y, steps):
    slope, offset = 0.0, 0.0
    for step in range(steps):
        slip = slope * x + offset - y
        slope -= 0.1 * float((slip * x).mean())
        offset -= 0.1 * float(slip.mean())
        print("step", step, flush=True)
        time.sleep(0.1)
    return slope, offset

// Draws a bench with plotly: the share of the reference of every run, and best scores by experiment for each task.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("bench-data").textContent);
  const INKS = ["--good", "--bad", "--unsure", "--ink", "--plain", "--soft"];
  const DASHES = ["solid", "dot", "dash", "dashdot"];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const look = (arm) => {
    const place = data.arms.indexOf(arm);
    return { color: colour(INKS[place % INKS.length]), dash: DASHES[Math.floor(place / INKS.length) % DASHES.length] };
  };
  const layout = (x, y) => ({
    margin: { l: 64, r: 12, t: 8, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink") },
    legend: { orientation: "h", y: 1.12 },
    xaxis: { title: { text: x }, gridcolor: colour("--line"), automargin: true },
    yaxis: { title: { text: y }, gridcolor: colour("--line"), automargin: true },
  });
  const options = { displayModeBar: false, responsive: true };

  const shares = data.arms.map((arm) => {
    const own = data.shares.filter((one) => one.arm === arm);
    return {
      name: arm,
      type: "scatter",
      mode: "markers",
      x: own.map((one) => 100 * one.share),
      y: own.map((one) => one.task),
      marker: { color: look(arm).color, size: 9, opacity: 0.75, symbol: data.arms.indexOf(arm) },
      hovertemplate: arm + ", %{y}: %{x:.4f} %<extra></extra>",
    };
  });
  const whole = layout("share of the best known value, %", "");
  document.getElementById("shares").style.height = 120 + 34 * data.tasks.length + "px";
  whole.yaxis.autorange = "reversed";
  Plotly.newPlot("shares", shares.filter((trace) => trace.x.length), whole, options);

  for (const [place, task] of data.tasks.entries()) {
    const told = new Set();
    const traces = task.curves.map((curve) => {
      const first = !told.has(curve.arm);
      told.add(curve.arm);
      return {
        name: curve.arm,
        legendgroup: curve.arm,
        showlegend: first,
        type: "scatter",
        mode: "lines",
        line: { ...look(curve.arm), width: 1.5, shape: "hv" },
        opacity: 0.8,
        x: curve.scores.map((_, i) => i),
        y: curve.scores,
        hovertemplate: curve.arm + " " + curve.seed + ": %{y:.9g} after %{x}<extra></extra>",
      };
    });
    if (!traces.length) continue;
    const drawn = layout("experiments", task.metric);
    if (task.known !== null) {
      drawn.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: task.known, y1: task.known, line: { color: colour("--ink"), width: 1, dash: "dot" } }];
    }
    Plotly.newPlot("task-" + place, traces, drawn, options);
  }
})();

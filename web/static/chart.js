// Draws the score curve with plotly: on the page from the server's data, in a report from data in the file.
"use strict";

(() => {
  const place = document.getElementById("curve");
  if (!place) return;
  const LOOKS = {
    improved: ["--good", "diamond", 10, "improved"],
    not_improved: ["--plain", "circle", 6, "not improved"],
    indecisive: ["--unsure", "square", 7, "indecisive"],
    no_effect: ["--soft", "line-ew", 7, "no effect"],
    pruned: ["--soft", "triangle-down-open", 7, "pruned (no score)"],
    unusable: ["--bad", "x-thin", 7, "unusable (no score)"],
    open: ["--soft", "circle-open", 7, "in work"],
    baseline: ["--ink", "triangle-up", 10, "baseline"],
  };
  const MOST_BARS = 400;
  let data = null;
  let tag = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function bounds(near) {
    // What the search is about: from the champion to the baseline and the bulk of the rest, not the wildest failure.
    // Near the best: the newer half and the champions of that time.
    const newer = near ? data.number[Math.floor(data.number.length / 2)] : 0;
    const scores = data.score.filter((score, i) => score !== null && data.number[i] >= newer).sort((a, b) => a - b);
    if (scores.length === 0) return [0, 1];
    const at = (share) => scores[Math.min(scores.length - 1, Math.floor(share * scores.length))];
    const steps = near ? data.steps.filter((step, i) => step[0] >= newer || i === data.steps.length - 1) : data.steps;
    const anchors = steps.map((step) => step[1]).filter((score) => score !== null);
    const bulk = data.direction === "maximize" ? [at(near ? 0.4 : 0.15), scores[scores.length - 1]] : [scores[0], at(near ? 0.6 : 0.85)];
    return [Math.min(...anchors, ...bulk), Math.max(...anchors, ...bulk)];
  }

  function range(log, near) {
    let [low, high] = bounds(near);
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    const room = 0.08 * (high - low || Math.abs(high) || 1);
    return [low - 1.6 * room, high + room];
  }

  function traces(floor) {
    const found = data.kinds.map((kind, code) => {
      const [ink, symbol, size, label] = LOOKS[kind];
      const index = data.number.map((_, i) => i).filter((i) => data.kind[i] === code && (data.score[i] !== null || kind === "unusable" || kind === "pruned"));
      const scored = kind !== "unusable" && kind !== "pruned";
      const bars = scored && (index.length <= MOST_BARS || kind === "improved");
      return {
        name: label,
        type: "scatter",
        mode: "markers",
        x: index.map((i) => data.number[i]),
        y: index.map((i) => (scored ? data.score[i] : floor)),
        text: index.map((i) => wrap(data.idea[i])),
        customdata: index.map((i) => [data.number[i], said(i)]),
        hovertemplate: "%{customdata[0]}, " + label + "<br>%{customdata[1]}<br>%{text}<extra></extra>",
        marker: { color: colour(ink), symbol, size, opacity: kind === "not_improved" ? 0.75 : 1, line: { color: colour(ink), width: symbol === "x-thin" || symbol === "line-ew" ? 1.6 : 0.5 } },
        error_y: bars
          ? {
              type: "data",
              symmetric: false,
              array: index.map((i) => (data.high[i] === null ? 0 : data.high[i] - data.score[i])),
              arrayminus: index.map((i) => (data.low[i] === null ? 0 : data.score[i] - data.low[i])),
              thickness: 1,
              width: 0,
              color: colour(ink),
            }
          : { visible: false },
      };
    });
    const steps = data.steps.filter((step) => step[1] !== null);
    if (steps.length) {
      const last = data.number[data.number.length - 1];
      found.unshift({
        name: "champion",
        type: "scatter",
        mode: "lines",
        line: { shape: "hv", color: colour("--good"), width: 2 },
        x: [...steps.map((step) => step[0]), Math.max(last, steps[steps.length - 1][0])],
        y: [...steps.map((step) => step[1]), steps[steps.length - 1][1]],
        hoverinfo: "skip",
      });
    }
    return found;
  }

  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  function wrap(text) {
    return escape(text).replace(/(.{1,52})(\s+|$)/g, "$1<br>").replace(/<br>$/, "");
  }

  function said(i) {
    if (data.score[i] === null) return "no score";
    const exact = data.low[i] === null || data.low[i] === data.high[i];
    return `${data.metric} ${data.score[i].toPrecision(6)}` + (exact ? "" : ` [${data.low[i].toPrecision(6)}, ${data.high[i].toPrecision(6)}]`);
  }

  function draw() {
    if (!data || !window.Plotly) return;
    const box = document.getElementById("log-scale");
    const positive = data.score.every((score) => score === null || score > 0) && data.score.some((score) => score !== null);
    box.disabled = !positive;
    const log = box.checked && positive;
    const near = document.getElementById("near-best").checked;
    const view = range(log, near);
    const floor = log ? 10 ** (view[0] + 0.03 * (view[1] - view[0])) : view[0] + 0.03 * (view[1] - view[0]);
    const span = Math.max(10, data.number[data.number.length - 1] ?? 0);
    const blank = data.score.every((score) => score === null);
    const axis = { gridcolor: colour("--line"), zeroline: false, linecolor: colour("--line"), tickcolor: colour("--line"), automargin: true };
    const layout = {
      uirevision: `${log ? "log" : "linear"} ${near} ${Math.ceil(span / 10)}`,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
      margin: { l: 56, r: 12, t: 8, b: 40 },
      xaxis: { ...axis, title: { text: "experiment", standoff: 8 }, showgrid: false, tickformat: "d", range: [-0.02 * span - 0.4, 1.02 * span + 0.4] },
      yaxis: { ...axis, title: { text: `${data.metric} (${data.direction})`, standoff: 8 }, type: log ? "log" : "linear", range: view, visible: !blank },
      annotations: blank ? [{ text: "no score yet", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }] : [],
      showlegend: false,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent") },
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily }, align: "left" },
      dragmode: "pan",
    };
    const config = { responsive: true, displaylogo: false, scrollZoom: false, modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], displayModeBar: place.clientWidth < 500 ? false : "hover" };
    place.classList.remove("plain");
    window.Plotly.react(place, traces(floor), layout, config).then(() => {
      place.dataset.points = String(data.number.length);
      performance.mark("chart");
      if (place.dataset.listens) return;
      place.dataset.listens = "yes";
      place.on("plotly_click", (event) => {
        const point = event.points[0];
        if (point && point.customdata) open(point.customdata[0]);
      });
    });
  }

  function open(number) {
    if (place.dataset.source) location.assign(`/evolver/${encodeURIComponent(data.campaign)}/${number}`);
    else if (document.getElementById(`e${number}`)) location.hash = `e${number}`;
  }

  async function load() {
    const inside = document.getElementById("curve-data");
    if (inside) data = JSON.parse(inside.textContent);
    else {
      const response = await fetch(place.dataset.source, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (response.status === 304 || !response.ok) return;
      tag = response.headers.get("ETag");
      data = await response.json();
    }
    draw();
  }

  for (const box of ["log-scale", "near-best"]) document.getElementById(box).addEventListener("change", draw);
  document.addEventListener("evolver:changed", load);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  load();
})();

"use strict";
/* Charts of a page, thin on top of uPlot. `charts.draw(element, spec)` draws one and returns it:

   spec = {
     kind: "xy" | "fan" | "map",
     label: what the chart shows, said to who cannot see it,
     x: {kind: "time" | "number", label, zone, from, to}   times are seconds since 1970
     y: {label, min, max},
     bands:  [{label, x, low, high}],           from the widest to the narrowest
     lines:  [{label, x, y, colour, thin, dashed}],
     points: [{label, x, y, colour, hollow}],
     bars:   [{label, x, y, colour}],
     marks:  [{x, label, colour}],              vertical lines
     spans:  [{from, to, label, colour}],       shaded behind everything
     still: true                                without buttons that change the view
   }
   A fan has the same, put together from {time, quantiles: {"0.05": [...], ...}, paths, past, later}.
   A map has {rows: [names], from, to, cells: [[number of readings or null]]}.
   Colours are names of the style sheet: "model", "observed", "accent" or 1 to 6. */
const charts = (() => {
  const drawn = new Set();
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--chart-${name}`).trim();
  const faded = (name, share) => {
    const hex = colour(name);
    return hex + Math.round(share * 255).toString(16).padStart(2, "0");
  };

  function node(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
    return value.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: size >= 1e4 });
  }

  function moment(seconds, zone) {
    const format = { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" };
    return new Date(seconds * 1000).toLocaleString("en-GB", { ...format, timeZone: zone });
  }

  /* A fan as lines, bands and points. */
  function fanned(spec) {
    const levels = Object.keys(spec.quantiles).sort((a, b) => a - b);
    const bands = [];
    for (let i = 0; i < Math.floor(levels.length / 2); i++) {
      const [low, high] = [levels[i], levels[levels.length - 1 - i]];
      const share = `${Math.round((high - low) * 100)} %`;
      const [under, over] = [spec.quantiles[low], spec.quantiles[high]];
      bands.push({ label: share, x: spec.time, low: under, high: over });
    }
    const paths = (spec.paths || []).map((y) => (
      { label: "paths", x: spec.time, y, colour: "model", thin: true }));
    const lines = [...paths];
    const middle = spec.quantiles["0.5"];
    if (middle) lines.push({ label: spec.middle || "median", x: spec.time, y: middle, colour: "model" });
    const points = [...(spec.points || [])];
    const part = (some, label, look) => some && some.time.length && points.push(
      { label, x: some.time, y: some.value, ...look });
    part(spec.past, "read", { colour: "observed" });
    part(spec.later, "read later", { colour: "accent", hollow: true });
    return { ...spec, bands, lines, points };
  }

  /* Series of uPlot over one common axis. */
  function series(spec) {
    const tables = [], options = [{}], bands = [], shown = [];
    const add = (x, y, more) => { tables.push([x, y]); options.push(more); return options.length - 1; };
    const none = { show: false };
    (spec.bands || []).forEach((band, level) => {
      const edge = { points: none, width: 0 };
      const high = add(band.x, band.high, edge), low = add(band.x, band.low, edge);
      bands.push({ series: [high, low], fill: () => faded("model", 0.16 + 0.14 * level) });
      shown.push({ ...band, kind: "band", at: [low, high], level });
    });
    (spec.bars || []).forEach((bar) => {
      const at = add(bar.x, bar.y, {
        points: none, width: 0, fill: () => faded(bar.colour || "model", 0.75),
        paths: uPlot.paths.bars({ size: [0.86, 90], align: 0 }) });
      shown.push({ ...bar, kind: "bar", at: [at] });
    });
    (spec.lines || []).forEach((line) => {
      const name = line.colour || "model";
      const at = add(line.x, line.y, {
        auto: !line.thin, points: none, stroke: () => (line.thin ? faded(name, 0.45) : colour(name)),
        width: line.thin ? 0.75 : 1.75, dash: line.dashed ? [5, 4] : undefined });
      shown.push({ ...line, kind: "line", at: [at] });
    });
    (spec.points || []).forEach((some) => {
      const name = some.colour || "observed", size = some.hollow ? 5.5 : 4;
      const at = add(some.x, some.y, {
        stroke: () => colour(name), paths: () => null,
        points: { show: true, size, width: some.hollow ? 1.2 : 0, stroke: () => colour(name),
          fill: () => (some.hollow ? colour("paper") : colour(name)) } });
      shown.push({ ...some, kind: "point", at: [at] });
    });
    return { data: tables.length ? uPlot.join(tables) : [[]], options, bands, shown };
  }

  /* Index of the nearest reading of a series: each has times of its own. */
  function nearest(chart, index, at) {
    const values = chart.data[index], x = chart.data[0];
    if (values[at] !== null && values[at] !== undefined) return at;
    for (let step = 1; step < values.length; step++) {
      const found = [at - step, at + step].filter((i) => values[i] !== null && values[i] !== undefined);
      if (found.length) {
        const best = found.length < 2 || Math.abs(x[found[0]] - x[at]) <= Math.abs(x[found[1]] - x[at])
          ? found[0] : found[1];
        return Math.abs(chart.valToPos(x[best], "x") - chart.valToPos(x[at], "x")) < 24 ? best : null;
      }
    }
    return null;
  }

  /* A chart whose canvas takes nothing outside of its axes, until it is restored. */
  function within(chart) {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    return chart;
  }

  function behind(chart, spec) {
    const { ctx, bbox } = within(chart);
    const ratio = devicePixelRatio;
    for (const span of spec.spans || []) {
      const [from, to] = [span.from, span.to].map((x) => chart.valToPos(x, "x", true));
      ctx.fillStyle = faded(span.colour || "muted", 0.13);
      ctx.fillRect(from, bbox.top, Math.max(to - from, ratio), bbox.height);
    }
    ctx.restore();
  }

  /* Vertical lines with their names, above the grid and below what is read. */
  function marked(chart, spec) {
    const { ctx, bbox } = within(chart);
    const ratio = devicePixelRatio;
    ctx.lineWidth = ratio;
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";  /* the axes leave another */
    let row = 0;
    for (const mark of spec.marks || []) {
      const at = chart.valToPos(mark.x, "x", true);
      ctx.strokeStyle = colour(mark.colour || "muted");
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      if (!mark.label) continue;
      const room = ctx.measureText(mark.label).width + 5 * ratio;
      const right = at + room <= bbox.left + bbox.width;
      const left = right ? at + 4 * ratio : at - room, top = bbox.top + (2 + 13 * row) * ratio;
      ctx.fillStyle = colour("paper");
      ctx.fillRect(left - ratio, top - ratio, room - 2 * ratio, 13 * ratio);
      ctx.fillStyle = colour(mark.colour || "muted");
      ctx.fillText(mark.label, left, top);
      row += 1;
    }
    ctx.restore();
  }

  /* Of ticks this far apart (s): what each says, and more at a new year, month, day, hour, minute. */
  const day = "{D} {MMM}", year = "\n{YYYY}", date = "\n{D} {MMM} {YYYY}";
  const TICKS = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{MMM}", year, null, null, null, null, null, 1],
    [86400, day, year, null, null, null, null, null, 1],
    [60, "{HH}:{mm}", date, null, `\n${day}`, null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", date, null, `\n${day}`, null, null, null, 1],
    [0.001, ":{ss}.{fff}", `${date} {HH}:{mm}`, null, `\n${day} {HH}:{mm}`, null, "\n{HH}:{mm}", null, 1],
  ];

  function axes(spec) {
    const plain = { stroke: () => colour("muted"), ticks: { show: false }, labelSize: 20,
      font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
    const grid = { stroke: () => colour("grid"), width: 1 };
    const words = (some) => (some && some.label ? { label: some.label } : {});
    const x = { ...plain, ...words(spec.x), grid: { show: false }, size: spec.x.kind === "time" ? 38 : 28 };
    x.values = spec.x.kind === "time" ? TICKS : (_, ticks) => ticks.map(number);
    return [x, { ...plain, ...words(spec.y), grid, size: 58, values: (_, ticks) => ticks.map(number) }];
  }

  /* Thin lines have room to stay inside, but for one that leaves the rest far behind. */
  function range(spec) {
    let least = Infinity, most = -Infinity;
    for (const line of spec.lines || []) {
      if (!line.thin) continue;
      for (const y of line.y) if (y !== null) { least = Math.min(least, y); most = Math.max(most, y); }
    }
    return (_, low, high) => {
      const bars = spec.bars && spec.bars.length;
      if (low === null || low === undefined) [low, high] = [0, 1];
      const far = (high - low) * 0.5;
      if (least < low) low = Math.max(least, low - far);
      if (most > high) high = Math.min(most, high + far);
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      const y = spec.y || {};
      const floor = bars && low >= 0 ? 0 : low - room;
      return [y.min ?? floor, y.max ?? high + room];
    };
  }

  /* Names and looks of what is drawn, each once. */
  function key(shown, marks) {
    const list = node("ul", { class: "key" });
    const seen = new Set();
    for (const each of shown) {
      if (seen.has(each.label)) continue;
      seen.add(each.label);
      const look = each.kind === "band" ? `band level-${each.level}` : each.kind;
      const kinds = [each.thin && "thin", each.dashed && "dashed", each.hollow && "hollow"];
      const swatch = node("span", { class: ["swatch", look, `c-${each.colour || "model"}`,
        ...kinds.filter(Boolean)].join(" "), "aria-hidden": "true" });
      list.append(node("li", {}, swatch, node("bdi", {}, each.label)));
    }
    return list;
  }

  function said(chart, spec, shown, at) {
    if (at === null || at === undefined) return "";
    const x = chart.data[0][at];
    const where = spec.x.kind === "time" ? moment(x, spec.x.zone) : `${spec.x.label || ""} ${number(x)}`;
    const words = [], seen = new Set();
    for (const each of shown) {
      if (each.thin || seen.has(each.label)) continue;
      const values = each.at.map((i) => {
        const near = nearest(chart, i, at);
        return near === null ? null : chart.data[i][near];
      });
      if (values.some((v) => v === null || v === undefined)) continue;
      seen.add(each.label);
      words.push(`${each.label} ${values.map(number).join(" to ")}`);
    }
    return [where.trim(), ...words].join("  ·  ");
  }

  function buttons(act) {
    const make = (name, text, step) => {
      const button = node("button", { type: "button", "aria-label": name, title: name }, text);
      button.addEventListener("click", step);
      return button;
    };
    return node("div", { class: "zoom", role: "group", "aria-label": "View of the chart" },
      make("Zoom in", "+", act.closer), make("Zoom out", "−", act.farther),
      make("Earlier", "‹", act.left), make("Later", "›", act.right), make("Show all", "All", act.all));
  }

  function xy(element, given) {
    const spec = given.kind === "fan" ? fanned(given) : given;
    const { data, options, bands, shown } = series(spec);
    const every = data[0];
    const ends = [spec.x.from ?? every[0] ?? 0, spec.x.to ?? every[every.length - 1] ?? 1];
    const pad = (ends[1] - ends[0] || 1) * ((spec.bars || []).length ? 0.06 : 0.01);
    const whole = [ends[0] - pad, ends[1] + pad];
    const stage = node("div", { class: "stage", tabindex: "0", role: "img",
      "aria-label": spec.label || "chart" });
    const readout = node("p", { class: "readout", "aria-live": "polite" });
    const height = () => spec.height || (element.clientWidth < 520 ? 220 : 260);
    let chart = null;
    const view = (from, to) => chart.setScale("x", { min: from, max: to });
    const scaled = (factor) => {
      const { min, max } = chart.scales.x, middle = (min + max) / 2, half = (max - min) / 2 * factor;
      view(Math.max(middle - half, whole[0]), Math.min(middle + half, whole[1]));
    };
    const moved = (share) => {
      const { min, max } = chart.scales.x;
      const by = Math.min(Math.max((max - min) * share, whole[0] - min), whole[1] - max);
      view(min + by, max + by);
    };
    const act = { closer: () => scaled(0.5), farther: () => scaled(2), left: () => moved(-0.4),
      right: () => moved(0.4), all: () => view(...whole) };
    const above = node("div", { class: "above" }, key(shown));
    if (!spec.still) above.append(buttons(act));
    element.append(above, stage, readout);
    const zone = spec.x.zone;
    chart = new uPlot({
      width: Math.max(element.clientWidth, 240), height: height(), legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone || "Etc/UTC"),
      scales: { x: { time: spec.x.kind === "time", min: whole[0], max: whole[1] },
        y: { range: range(spec) } },
      axes: axes(spec), series: options, bands, pxAlign: 0,
      cursor: { y: false, drag: { x: !spec.still, y: false, dist: 6 },
        dataIdx: (self, index, at) => (index === 0 ? at : nearest(self, index, at)),
        points: { size: 7 } },
      hooks: {
        drawClear: [(self) => behind(self, spec)],
        drawAxes: [(self) => marked(self, spec)],
        setCursor: [(self) => { readout.textContent = said(self, spec, shown, self.cursor.idx); }],
      },
    }, data, stage);
    chart.over.addEventListener("dblclick", act.all);
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const other = { "+": act.closer, "-": act.farther, "0": act.all, Escape: act.all }[event.key];
      if (step && every.length) {
        const { min, max } = chart.scales.x;
        const inside = every.map((x, i) => i).filter((i) => every[i] >= min && every[i] <= max);
        const now = chart.cursor.idx ?? (step > 0 ? inside[0] - 1 : inside[inside.length - 1] + 1);
        const next = Math.min(Math.max(now + step, inside[0]), inside[inside.length - 1]);
        chart.setCursor({ left: chart.valToPos(every[next], "x"), top: 10 });
      } else if (other) other();
      else return;
      event.preventDefault();
    });
    const fit = () => {
      const width = element.clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: height() });
    };
    new ResizeObserver(fit).observe(element);
    return { redraw: () => { fit(); chart.redraw(false, true); }, fit, chart };
  }

  /* Rows of cells, the darker the more: when each series was read. */
  function map(element, spec) {
    const NS = "http://www.w3.org/2000/svg";
    const svg = (tag, attributes, text) => {
      const made = document.createElementNS(NS, tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      if (text !== undefined) made.textContent = text;
      return made;
    };
    const readout = node("p", { class: "readout", "aria-live": "polite" });
    const stage = node("div", { class: "stage", role: "img", "aria-label": spec.label || "map" });
    element.append(stage, readout);
    const most = Math.max(1, ...spec.cells.flat().map((v) => v || 0));
    const level = (value) => (value ? Math.min(4, 1 + Math.floor(3.999 * Math.sqrt(value / most))) : 0);
    function build() {
      const width = Math.max(element.clientWidth, 240);
      const longest = Math.max(...spec.rows.map((name) => [...name].length));
      const left = Math.min(width < 520 ? 110 : 260, Math.max(40, longest * 6.5 + 12));
      const tall = spec.rows.length > 40 ? 9 : 14;
      const columns = spec.cells[0].length, wide = (width - left) / columns;
      const height = tall * spec.rows.length + 22;
      const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "map" });
      const paths = ["", "", "", "", ""];
      spec.cells.forEach((row, i) => row.forEach((value, j) => {
        paths[level(value)] += `M${(left + j * wide).toFixed(1)} ${i * tall + 1}h${wide.toFixed(2)}v${tall - 2}h-${wide.toFixed(2)}z`;
      }));
      paths.forEach((d, i) => d && picture.append(svg("path", { d, class: `level-${i}` })));
      spec.rows.forEach((name, i) => {
        const room = Math.floor((left - 12) / 6.5);
        const letters = [...name];
        const short = letters.length > room ? letters.slice(0, room - 1).join("") + "…" : name;
        const text = svg("text", { x: left - 6, y: i * tall + tall - 4, "text-anchor": "end",
          "font-size": Math.min(11, tall + 1) }, short);
        text.append(svg("title", {}, name));
        picture.append(text);
      });
      const ticks = width < 520 ? 2 : 5;
      const brief = (spec.to - spec.from) / (ticks - 1) < 3 * 86400;  /* days alone would repeat */
      const tick = (at) => (brief ? moment(at, spec.x.zone) : new Date(at * 1000).toLocaleDateString(
        "en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: spec.x.zone }));
      for (let k = 0; k < ticks; k++) {
        const share = k / (ticks - 1), at = spec.from + share * (spec.to - spec.from);
        const text = spec.x.kind === "time" ? tick(at) : number(at);
        const anchor = k === 0 ? "start" : k === ticks - 1 ? "end" : "middle";
        picture.append(svg("text", { x: left + share * (width - left), y: height - 5,
          "text-anchor": anchor, "font-size": 11 }, text));
      }
      picture.addEventListener("pointermove", (event) => {
        const box = picture.getBoundingClientRect();
        const i = Math.floor((event.clientY - box.top) / tall);
        const j = Math.floor((event.clientX - box.left - left) / wide);
        const value = i >= 0 && j >= 0 ? (spec.cells[i] || [])[j] : undefined;
        if (value === undefined) { readout.textContent = ""; return; }
        const at = spec.from + (spec.to - spec.from) * (j / columns);
        const when = spec.x.kind === "time" ? moment(at, spec.x.zone) : number(at);
        readout.textContent = `${spec.rows[i]}  ·  from ${when}  ·  ${number(value || 0)} readings`;
      });
      stage.replaceChildren(picture);
    }
    build();
    let width = element.clientWidth;
    const fit = () => {
      if (element.clientWidth && element.clientWidth !== width) { width = element.clientWidth; build(); }
    };
    new ResizeObserver(fit).observe(element);
    return { redraw: fit, fit };
  }

  function draw(element, spec) {
    element.replaceChildren();
    drawn.forEach((each) => each.element === element && drawn.delete(each));
    const made = spec.kind === "map" ? map(element, spec) : xy(element, spec);
    drawn.add({ ...made, element });
    return made;
  }

  /* Draw what a page holds: <div data-chart="name"> from the record of that name, all that is
     visible at once, so that a picture taken at any time has them; what is hidden, once it shows. */
  function drawAll(records) {
    const waiting = [...document.querySelectorAll("[data-chart]")];
    const start = (element) => {
      if (element.dataset.drawn) return;
      element.dataset.drawn = "yes";
      draw(element, records[element.dataset.chart]);
    };
    const shows = new ResizeObserver((entries) => entries.forEach((entry) => {
      if (entry.target.clientWidth) { shows.unobserve(entry.target); start(entry.target); }
    }));
    waiting.forEach((element) => (element.clientWidth ? start(element) : shows.observe(element)));
    addEventListener("beforeprint", () => waiting.forEach(start));
  }

  const redraw = () => drawn.forEach((each) => each.redraw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => { root.classList.add("on-paper"); redraw(); });
  addEventListener("afterprint", () => { root.classList.remove("on-paper"); redraw(); });
  return { draw, drawAll, number, moment };
})();

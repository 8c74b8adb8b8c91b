"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const QUANTILES = ["0.05", "0.25", "0.5", "0.75", "0.95"];
  const ROWS = 1000; // newest readings of each series that are drawn
  const TABLE = 200; // rows of the table on the page; the download has all
  let info = null, file = null, asked = null, found = null, running = null;
  let token = null;
  try { token = sessionStorage.getItem("latentode-token"); } catch { /* no storage here */ }

  function node(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const say = (text) => { at("state").textContent = text; };

  function complain(text) {
    at("error").textContent = text;
    at("error").hidden = !text;
  }

  /* Ask the server; its errors are sentences for people. */
  async function ask(address, options = {}) {
    const headers = { Accept: "application/json", ...options.headers };
    if (token) headers.Authorization = `Bearer ${token}`;
    let answer;
    try {
      answer = await fetch(address, { ...options, headers, cache: "no-store", redirect: "error" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is it still running?");
    }
    if (answer.ok) return answer;
    at("token").hidden = answer.status !== 401;
    let message = `${answer.status} ${answer.statusText}`;
    try { message = (await answer.json()).error.message; } catch { /* nothing more is known */ }
    if (answer.status === 401) at("token-text").focus();
    if (answer.status === 503) {
      message += ` Try again in ${answer.headers.get("retry-after") || "a few"} seconds.`;
    }
    throw new Error(message);
  }

  /* Seconds since 1970, or a number of an elapsed clock. */
  function seconds(time) {
    if (typeof time !== "string") return time;
    return Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(time) ? time : `${time}Z`) / 1000;
  }

  const elapsed = () => info.clock.kind === "elapsed";
  const zone = () => info.clock.zone || "Etc/UTC";
  const when = (time) => (typeof time === "string" ? charts.moment(seconds(time), zone()) : `${charts.number(time)} ${info.clock.unit}`);

  /* "--time-unit s --na 'a,b' --no-dayfirst" as parameters. */
  function options(text) {
    const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|((?:[^\s"'=]|=(?=\S))+)(?:(?<==)["']([^"']*)["'])?/g)]
      .map((m) => m[1] ?? m[2] ?? m[3] + (m[4] ?? ""));
    const given = {};
    for (let i = 0; i < words.length; i++) {
      const match = words[i].match(/^--(no-)?([a-z]+(?:-[a-z]+)*)(?:=(.*))?$/s);
      if (!match) throw new Error(`Options: expected --name value, got ${words[i]}.`);
      const [, no, name, value] = match;
      const next = words[i + 1];
      if (no) given[name] = "false";
      else if (value !== undefined) given[name] = value;
      else if (next !== undefined && !next.startsWith("--")) { given[name] = next; i += 1; }
      else given[name] = "true";
    }
    return given;
  }

  function question() {
    const reading = file ? options(at("options").value.trim()) : {};
    const given = { ...reading, samples: at("samples").value || "200" };
    for (const name of ["horizon", "every"]) {
      const value = at(name).value.trim();
      if (value) given[name] = value;
    }
    const series = at("series").value;
    return {
      reading, given,
      name: file ? file.name : series,
      body: file || JSON.stringify({ series: [series] }),
      media: file ? "text/csv" : "application/json",
    };
  }

  const post = (what, parameters, accept, signal) => ask(
    `/${what}?${new URLSearchParams(parameters)}`,
    { method: "POST", body: asked.body, signal,
      headers: { "Content-Type": asked.media, Accept: accept } });

  async function run() {
    if (!file && !at("series").value) {
      complain("Choose a CSV or a series first.");
      at("file").focus();
      return;
    }
    if (running) running.abort();
    running = new AbortController();
    const { signal } = running;
    complain("");
    at("answer").hidden = at("read").hidden = true;
    document.body.setAttribute("aria-busy", "true");
    try {
      asked = question();
      say(`Reading ${asked.name} …`);
      const read = await (await post("inspect", { ...asked.reading, rows: ROWS }, "application/json", signal)).json();
      if (file) showRead(read);
      say(`Forecasting ${asked.name} …`);
      const wanted = { ...asked.given, quantiles: QUANTILES.join(",") };
      const answer = await (await post("forecast", wanted, "application/json", signal)).json();
      found = { read, rows: answer.rows, units: { ...read.units, ...answer.units }, warnings: answer.warnings };
      showAnswer();
      say(`Forecast of ${asked.name}: ${count(found.rows.length, "row")}.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      say("");
      complain(error.message);
    } finally {
      if (running && running.signal === signal) document.body.removeAttribute("aria-busy");
    }
  }

  const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 || word === "series" ? "" : "s"}`;

  function table(element, caption, heads, rows) {
    const head = node("tr", {}, ...heads.map(([name, numeric]) =>
      node("th", { scope: "col", ...(numeric ? { class: "n" } : {}) }, name)));
    const cells = (row) => row.map((cell, i) => (i === 0
      ? node("th", { scope: "row" }, node("bdi", {}, cell))
      : node("td", heads[i][1] ? { class: "n" } : {}, cell)));
    element.replaceChildren(
      node("caption", {}, caption), node("thead", {}, head),
      node("tbody", {}, ...rows.map((row) => node("tr", {}, ...cells(row)))));
  }

  function list(title, items) {
    return items.length ? [node("h3", {}, title), node("ul", {}, ...items)] : [];
  }

  function showRead({ read, plan, units, warnings }) {
    const clock = read.clock.kind === "elapsed" ? `elapsed, in ${read.clock.unit}`
      : `${read.clock.unit === "iso" ? "dates" : `calendar, in ${read.clock.unit}`}, ${read.clock.zone || "no zone given"}`;
    const facts = [
      ["rows", read.rows_read.toLocaleString("en")], ["readings", read.num_readings.toLocaleString("en")],
      ["series", read.num_series.toLocaleString("en")], ["clock", clock],
      ["from", when(read.first)], ["to", when(read.last)],
    ];
    at("read-facts").replaceChildren(...facts.map(([name, value]) =>
      node("div", {}, node("dt", {}, name), node("dd", {}, value))));
    const rows = read.channel_details.map((each) => [
      each.name, units[each.name] || "–", each.count.toLocaleString("en"),
      charts.number(each.min), charts.number(each.median), charts.number(each.max),
      [each.constant && "constant", each.state && "states 0 and 1", each.counter && "running total",
        !each.count && "no reading"].filter(Boolean).join(", ")]);
    table(at("read-channels"), `Channels of ${asked.name}`,
      [["channel"], ["unit"], ["readings", true], ["least", true], ["median", true], ["greatest", true], ["note"]], rows);
    const overruled = (option) => (option ? ["; to overrule: ", node("code", {}, option)] : []);
    const decided = read.decisions.map((each) => node("li", {},
      each.choice, ...(each.evidence ? [` (${each.evidence})`] : []), ...overruled(each.option)));
    const left = read.left_out.map((each) => node("li", {}, node("bdi", {}, each.column), `: ${each.reason}; to read it: `,
      node("code", {}, "--channels")));
    const warned = [...new Set(warnings)].map((each) => node("li", {}, each));
    at("read-more").replaceChildren(
      ...list("What was decided", decided), ...list("Columns that are not read", left),
      ...list("To be looked at", warned),
      node("details", {}, node("summary", {}, "All of it, as inspect prints it"),
        node("pre", {}, plan.join("\n"))));
    at("read").hidden = false;
    if (warned.length) at("how").open = true;
  }

  function showAnswer() {
    const names = [...new Set(found.rows.map((row) => row.series))];
    const before = at("shown").value;
    at("shown").replaceChildren(...names.map((name) => node("option", { value: name }, name)));
    if (names.includes(before)) at("shown").value = before;
    at("pick-series").hidden = names.length < 2;
    at("answer").hidden = false;
    at("answer-title").textContent = `Forecast of ${asked.name}`;
    at("curl").textContent = curl();
    showSeries();
  }

  function showSeries() {
    const name = at("shown").value;
    const past = found.read.series.find((each) => each.id === name);
    const rows = found.rows.filter((row) => row.series === name);
    const parts = [...new Set(rows.map((row) => row.channel))];
    const draws = parts.map((channel) => {
      const element = node("div", { class: "chart" });
      const unit = found.units[channel] ? ` (${found.units[channel]})` : "";
      const figure = node("figure", {}, node("h3", {}, node("bdi", {}, channel), unit), element);
      return [figure, element, channel];
    });
    const warned = found.warnings.map((each) => node("li", {}, each));
    at("charts").replaceChildren(
      ...(warned.length ? [node("div", { class: "aside" }, node("ul", {}, ...warned))] : []),
      ...draws.map(([figure]) => figure));
    for (const [, element, channel] of draws) {
      charts.draw(element, fan(rows.filter((row) => row.channel === channel), past, channel, name));
    }
    const heads = ["time", "channel", "mean", "sd", ...QUANTILES.map((level) => `q${level}`)];
    table(at("answer-table"), `${name}${rows.length > TABLE ? `, first ${TABLE} of ${rows.length.toLocaleString("en")} rows` : ""}`,
      heads.map((head, i) => [head, i > 1]),
      rows.slice(0, TABLE).map((row) => heads.map((head, i) => (i === 0 ? when(row.time) : i === 1 ? row.channel : charts.number(row[head])))));
  }

  function fan(rows, past, channel, name) {
    const time = rows.map((row) => seconds(row.time));
    const quantiles = Object.fromEntries(QUANTILES.map((level) => [level, rows.map((row) => row[`q${level}`])]));
    const spec = {
      kind: "fan", time, quantiles, label: `Forecast of ${channel} of ${name}; arrow keys read it out`,
      x: elapsed() ? { kind: "number", label: `time (${info.clock.unit})` } : { kind: "time", zone: zone() },
      y: {},
    };
    if (past && past.time.length) {
      const moments = past.time.map(seconds), last = moments[moments.length - 1];
      const start = Math.max(moments[0], time[0] - 2.5 * ((time[time.length - 1] - time[0]) || 1));
      const values = past.values[channel] || [];
      const kept = moments.map((x, i) => [x, values[i]]).filter(([x, y]) => x >= start && y != null);
      spec.past = { time: kept.map(([x]) => x), value: kept.map(([, y]) => y) };
      spec.marks = [{ x: last, label: "last reading" }];
      spec.x.from = Math.min(start, last);
    }
    return spec;
  }

  function curl() {
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const lines = [`curl -X POST ${quoted(`${location.origin}/forecast?${new URLSearchParams(asked.given)}`)}`,
      `-H 'Content-Type: ${asked.media}' -H 'Accept: text/csv'`,
      ...(token ? ['-H "Authorization: Bearer $LATENTODE_TOKEN"'] : []),
      file ? `--data-binary ${quoted(`@${asked.name}`)}` : `--data ${quoted(asked.body)}`];
    return lines.join(" \\\n  ");
  }

  async function download() {
    complain("");
    try {
      const answer = await post("forecast", asked.given, "text/csv");
      const link = node("a", { href: URL.createObjectURL(await answer.blob()),
        download: `forecast-${asked.name.replace(/\.[a-z]{1,4}$/i, "").replace(/[^\w.-]+/g, "-")}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      say("Downloaded: the table that `forecast` writes.");
    } catch (error) {
      complain(error.message);
    }
  }

  function take(chosen) {
    file = chosen;
    at("series").value = "";
    run();
  }

  function describe() {
    at("title").textContent = info.model;
    document.title = `${info.model} - latentode`;
    const names = info.channels.map((each) => each.name + (each.unit ? ` (${each.unit})` : ""));
    const shown = names.length > 12 ? [...names.slice(0, 12), `${names.length - 12} more`] : names;
    at("about").textContent = `It forecasts ${shown.join(", ")}: up to ${info.horizon} ahead, from the last ${info.context}.`;
    at("horizon").value = info.horizon_exact.replace(/^1d$/, "24h");
    at("samples").max = info.limits.draws;
    at("series").replaceChildren(node("option", { value: "" }, "none chosen"),
      ...info.series.map((each) => node("option", { value: each.id }, each.id)));
    at("own").hidden = !info.series.length;
    const columns = [info.columns.time, info.columns.id, ...(info.columns.channels || [])].filter(Boolean);
    if (columns.length) {
      at("file-note").append(" Its columns were ",
        ...columns.slice(0, 10).flatMap((name, i) => [i ? ", " : "", node("code", {}, name)]),
        columns.length > 10 ? " and more." : ".");
    }
    if (info.num_series > info.series.length) {
      at("series-note").textContent += ` The first ${info.series.length.toLocaleString("en")} of ${info.num_series.toLocaleString("en")} are listed.`;
    }
  }

  async function start() {
    try {
      info = await (await ask("/info")).json();
      at("token").hidden = true;
      complain("");
      describe();
    } catch (error) {
      complain(error.message);
    }
  }

  at("token").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token-text").value.trim();
    try { sessionStorage.setItem("latentode-token", token); } catch { /* asked for again next time */ }
    start();
  });
  at("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  at("file").addEventListener("change", () => { if (at("file").files.length) take(at("file").files[0]); });
  at("series").addEventListener("change", () => {
    if (!at("series").value) return;
    file = null;
    at("file").value = "";
    run();
  });
  at("shown").addEventListener("change", showSeries);
  at("download").addEventListener("click", download);
  const drop = at("drop");
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const given = event.dataTransfer.files;
    if (!given.length) return;
    at("file").files = given;
    take(given[0]);
  });
  start();
})();

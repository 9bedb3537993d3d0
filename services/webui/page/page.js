// Asks for the state once a second and shows it. Nothing here computes a speed: the server does, for all pages alike.
import { Graph } from "./graph.js";
import { banner, by, link, put } from "./shell.js";

const PERIOD = 1000;
const PATIENCE = 4000;
/** A screen reader is told the speed at most this often, in milliseconds. */
const CALM = 20000;
/** Seconds between the lines of the graph's table. */
const STEP = 10;
/** More workers than this get lower lines. */
const DENSE = 20;
/** Seconds that the graph shows before anybody picks: first of a young history, then of an old one. */
const SPANS = [120, 300];
/** The speed's size at most, in pixels. */
const LARGEST = 240;

const graph = new Graph(by("graph"), by("tip"));
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

let samples = [];
let picked = false;
let lost = 0;
let lostAt = null;
let fitted = "";
let spoken = { at: 0, text: "" };

/** Three significant digits where they matter: 3.33, 10.0, 750, 15,200. */
function figure(value) {
  if (value == null) return "–";
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return whole.format(value);
}

/** Milliseconds: 1.3, 101, 738. */
const millis = (value) => (value == null ? "–" : value < 9.95 ? value.toFixed(1) : whole.format(value));

/** An announcement may say any number, and not every number is a time. */
function time(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "–" : clock.format(date);
}

function lasting(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return s < 90 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

async function ask() {
  const last = samples.length ? samples[samples.length - 1][0] : 0;
  const answer = await fetch(`api/state?after=${last}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

function tick() {
  // A state that cannot be shown is no lost server, and the next one may be shown again.
  ask().then(answered, miss).catch(console.error).finally(() => setTimeout(tick, PERIOD));
}

function answered(state) {
  lost = 0;
  lostAt = null;
  banner("unreachable", { over: "The server answers again." });
  show(state);
}

/** One lost answer is a hiccup; with the second the page says so. */
function miss() {
  lost += 1;
  lostAt ??= Date.now() / 1000;
  if (lost < 2) return;
  link("lost", "no connection");
  banner("unreachable", {
    title: "This page has lost its server.",
    text: `webui has not answered since ${time(lostAt)}. What you see is as old as that; mining does not depend on this page. Trying again every second.`,
  });
}

function show(state) {
  remember(state);
  const { ledger, totals, speed, latency, workers } = state;
  const away = !ledger.ok && ledger.reason != null;
  link(ledger.ok ? "live" : away ? "lost" : "wait", ledger.ok ? "live" : away ? "Redis is away" : "connecting");
  banner("away", away ? {
    title: `Redis has been away since ${time(ledger.since)}, for ${lasting(state.now - ledger.since)}.`,
    text: `Workers go on mining and hand in later; until then nobody can see how fast they are. (${ledger.reason})`,
  } : { over: "Redis is back." });
  put(by("speed"), figure(speed.hashes_per_second));
  fit();
  put(by("source"), source(state));
  for (const id of ["hashes", "coins"]) {
    put(by(id), totals ? whole.format(totals[id]) : "–");
    by(id).classList.toggle("stale", !ledger.ok);
  }
  put(by("rng"), millis(latency.rng_ms));
  put(by("hasher"), millis(latency.hasher_ms));
  put(by("count"), ledger.ok ? crowd(workers.length, speed.unannounced) : "–");
  crew(state);
  past();
  // Until somebody picks a span, a young history is not squeezed into a corner.
  if (!picked) span(samples.length && state.now - samples[0][1] > SPANS[0] ? SPANS[1] : SPANS[0]);
  graph.draw(samples, state.now);
  const value = speed.hashes_per_second;
  document.title = away ? "Redis is away – swarmlab" : value == null ? "swarmlab" : `${figure(value)} hashes/s – swarmlab`;
  speak(away ? "" : value == null ? "" : `${figure(value)} hashes per second, ${workers.length} workers`);
}

function remember({ history, now }) {
  const first = history.samples[0];
  // Numbers that start again mean that webui did: its past is kept here, up to where the new one begins.
  if (first && samples.length && first[0] <= samples[samples.length - 1][0]) {
    samples = samples.filter((sample) => sample[1] < first[1]);
  }
  samples.push(...history.samples);
  const oldest = samples.findIndex((sample) => sample[1] >= now - history.seconds);
  if (oldest > 0) samples.splice(0, oldest);
}

function source({ ledger, speed, workers }) {
  if (!ledger.ok) return ledger.reason == null ? "Waiting for the first answer." : "Not known while Redis is away.";
  if (speed.hashes_per_second == null) return "Measuring …";
  if (speed.source === "workers") return `What ${workers.length === 1 ? "the worker reports" : `the ${workers.length} workers report`}.`;
  const why = speed.unannounced && workers.length ? "Some workers do not report their speed, so this is" : "From";
  return `${why} the growth of the count over ten seconds.`;
}

/** The figure fills its box, whatever its length and font: its width at a known size tells the size that fits. */
function fit() {
  const node = by("speed");
  const room = node.parentElement.clientWidth;
  const key = `${node.textContent.length} ${room}`;
  // A dash keeps the size of the figure before it.
  if (fitted === key || (fitted && node.textContent === "–")) return;
  fitted = key;
  node.style.setProperty("--figure", "100px");
  const size = Math.min((room / node.offsetWidth) * 100, LARGEST);
  node.style.setProperty("--figure", `${Math.floor(size)}px`);
}

/** How many workers there are: at least so many where some do not report, and nobody knows where none does. */
const crowd = (count, more) => (!more ? String(count) : count ? `${count}+` : "?");

/** Those who need help come first, then by name. */
const rank = (worker) => (worker.silent != null ? 0 : worker.state === "mining" ? 2 : 1);

function crew({ workers, ledger, speed, workers_problem: problem }) {
  const list = [...workers].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, "en", { numeric: true }));
  by("table").hidden = list.length === 0;
  by("table").classList.toggle("stale", !ledger.ok);
  by("table").classList.toggle("dense", list.length > DENSE);
  put(by("summary"), summary(list, ledger, speed, problem));
  const rows = by("rows");
  while (rows.rows.length > list.length) rows.deleteRow(-1);
  list.forEach((worker, index) => line(rows.rows[index] ?? blank(rows), worker));
}

function summary(list, ledger, speed, problem) {
  if (!ledger.ok) return list.length ? "As last seen, before Redis went away." : "Not known while Redis is away.";
  const unread = problem ? ` A report cannot be read: ${problem}.` : "";
  if (!list.length) {
    if (unread) return unread.trim();
    return speed.hashes_per_second > 0
      ? "Somebody is mining, but no worker reports about itself. The workers of the public application do not; only the count shows their work."
      : "No worker reports about itself. Start one, or scale them up.";
  }
  const mining = list.filter((worker) => rank(worker) === 2).length;
  const speeds = list.filter((worker) => rank(worker) === 2).map((worker) => worker.hashes_per_second);
  const each = speeds.length ? `, at ${spread(speeds)} hashes/s each` : "";
  const others = list.length - mining;
  const rest = others ? `; ${others} ${others === 1 ? "is" : "are"} not` : "";
  const more = speed.unannounced ? " Others mine without reporting: the count grows faster than these workers say." : "";
  return `${mining} of ${list.length} mining${each}${rest}.${more}${unread}`;
}

function spread(values) {
  const low = figure(Math.min(...values));
  const high = figure(Math.max(...values));
  return low === high ? low : `${low} to ${high}`;
}

function blank(rows) {
  const row = rows.insertRow();
  const name = document.createElement("th");
  name.scope = "row";
  row.append(name);
  for (const kind of ["state", "number", "number wide", "number wide", "number wide", "number wide", "number wide", "number"]) {
    row.insertCell().className = kind;
  }
  return row;
}

function line(row, worker) {
  const silent = worker.silent != null;
  const cells = row.cells;
  put(cells[0], worker.id);
  cells[0].title = `on ${worker.host}, since ${time(worker.started)}`;
  put(cells[1], silent ? `silent for ${lasting(worker.silent)}` : worker.state || "unknown");
  cells[1].dataset.mood = silent ? "bad" : worker.state === "mining" ? "good" : "warn";
  put(cells[2], figure(worker.hashes_per_second));
  put(cells[3], worker.loop_ms == null ? "–" : `${millis(worker.loop_ms)} ms`);
  put(cells[4], worker.rng_ms == null ? "–" : `${millis(worker.rng_ms)} ms`);
  put(cells[5], worker.hasher_ms == null ? "–" : `${millis(worker.hasher_ms)} ms`);
  put(cells[6], String(worker.loops));
  put(cells[7], whole.format(worker.hashes));
  put(cells[8], whole.format(worker.failures));
  cells[8].classList.toggle("failed", worker.failures > 0);
}

/** The graph for those who do not see it: the last sample of every ten seconds. */
function past() {
  if (!by("past").open) return;
  const lines = new Map();
  for (const sample of samples) lines.set(Math.floor(sample[1] / STEP), sample);
  const rows = [...lines.values()].reverse().map(([, at, speed, workers, rng, hasher]) => {
    const row = document.createElement("tr");
    const ms = (value) => (value == null ? "–" : `${millis(value)} ms`);
    const texts = [time(at), speed == null ? "not known" : figure(speed), workers ?? "–", ms(rng), ms(hasher)];
    texts.forEach((text, index) => {
      const cell = document.createElement(index ? "td" : "th");
      if (index) cell.className = "number";
      else cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  });
  by("past-rows").replaceChildren(...rows);
}

/** Banners speak for themselves; the speed is told calmly, and only when it is news. */
function speak(text) {
  const now = Date.now();
  if (!text || text === spoken.text || now - spoken.at < CALM) return;
  spoken = { at: now, text };
  put(by("spoken"), text);
}

function span(seconds) {
  if (graph.seconds === seconds) return;
  for (const button of by("span").children) button.setAttribute("aria-pressed", String(Number(button.value) === seconds));
  graph.show(seconds);
}

by("span").addEventListener("click", ({ target }) => {
  if (!target.value) return;
  picked = true;
  span(Number(target.value));
});
by("past").addEventListener("toggle", past);
addEventListener("resize", () => { fit(); graph.resize(); });
tick();

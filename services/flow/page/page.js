// Asks for the state twice a second and shows it.
import { banner, by, link, put } from "./shell.js";
import { LOST, Picture } from "./picture.js";

const PERIOD = 500;
const PATIENCE = 4000;
/** For so many seconds a worker is between two jobs; after that it has none. */
const BETWEEN = 3;
/** What there is to read of a run. */
const FIGURES = ["done", "all", "speed", "ready", "running", "retries", "dead", "twice"];

const picture = new Picture(by("points"), by("marks"));
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

let cursor = "";
let identity = null;
let lost = 0;

const plural = (count, one, many) => `${whole.format(count)} ${count === 1 ? one : many}`;

async function tick() {
  try {
    const answer = await fetch(`api/state?after=${cursor}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
    lost = 0;
    banner("unreachable", { over: "The server answers again." });
  } catch {
    lost += 1;
    // One lost answer is a hiccup.
    if (lost > 1) {
      link("lost", "no connection");
      banner("unreachable", {
        title: "This page has lost its server.",
        text: "The workers do not need it: they go on. Trying again.",
      });
    }
  }
  setTimeout(tick, PERIOD);
}

function show(state) {
  const { database, status, workers, dead } = state;
  const away = !database.ok && database.reason != null;
  link(database.ok ? "live" : away ? "lost" : "wait", database.ok ? "live" : away ? "the database is away" : "connecting");
  banner("away", away ? {
    title: "The database does not answer.",
    text: `Workers wait for it, and what is handed in twice is taken once. (${database.reason})`,
  } : { over: "The database is back." });
  cursor = state.cursor;
  if (!status) {
    // While the database does not answer, what was known last stays.
    if (database.ok) nothing();
    return;
  }
  if (state.identity !== identity) {
    identity = state.identity;
    picture.begin(status.grid);
  }
  picture.draw(state.tiles, state.palette);
  // Colours go by the order of the nodes' names, not by who was seen first.
  for (const worker of workers) picture.colour(worker.node);
  picture.mark(state.marked);
  legend(state.marked);
  figures(state);
  letters(dead, status.jobs);
  crew(workers, status.jobs);
}

/** Nothing was submitted, or the database has lost it. */
function nothing() {
  identity = null;
  picture.clear();
  legend([]);
  for (const id of FIGURES) {
    put(by(id), "–");
    by(id).classList.remove("failed");
  }
  by("bar").value = 0;
  put(by("stage"), "Nothing was submitted yet. `flow submit` puts a picture into the queue.");
  by("picture").setAttribute("aria-label", "no tiles yet");
  document.title = "flow – swarmlab";
  banner("deaths", {});
  letters([]);
  crew([]);
}

function figures({ status, jobs_per_second: speed, rows, palette }) {
  const { jobs, attempts, effects, grid } = status;
  put(by("done"), whole.format(jobs.done));
  put(by("all"), whole.format(jobs.all));
  by("bar").max = jobs.all;
  by("bar").value = jobs.done;
  put(by("speed"), speed < 10 ? speed.toFixed(1) : whole.format(speed));
  for (const id of ["ready", "running", "dead"]) put(by(id), whole.format(jobs[id]));
  put(by("retries"), whole.format(attempts.retries));
  put(by("twice"), whole.format(effects.twice));
  by("dead").classList.toggle("failed", jobs.dead > 0);
  by("twice").classList.toggle("failed", effects.twice > 0);
  const counted = `${whole.format(rows.length)} of ${plural(grid.down, "row", "rows")} counted`;
  put(by("stage"), palette ? `Run ${status.run}: ${counted}, and the colours are made.` : `Run ${status.run}: ${counted}.`);
  by("picture").setAttribute("aria-label", `${whole.format(jobs.done)} of ${plural(jobs.all, "job", "jobs")} done; ${counted}`);
  document.title = `${Math.floor((100 * jobs.done) / jobs.all)} % – flow – swarmlab`;
  banner("deaths", jobs.dead ? {
    title: `${plural(jobs.dead, "job is", "jobs are")} dead: tried too often, and put aside.`,
    text: `${plural(jobs.waiting, "job waits", "jobs wait")} for them, so this picture does not end. Mend the cause, then \`flow revive\`.`,
  } : { over: "No job is dead any more." });
}

function swatch(colour) {
  const node = document.createElement("span");
  node.className = "swatch";
  node.style.background = colour;
  return node;
}

let drawn = "";
function legend(marked) {
  const bad = ["lost", "dead"].filter((mark) => marked.some((tile) => tile.mark === mark));
  const words = { lost: "taken back from a worker that is silent", dead: "dead" };
  const entries = [...picture.nodes(), ...bad.map((mark) => [words[mark], LOST])];
  const key = entries.map(([name]) => name).join("|");
  if (key === drawn) return;
  drawn = key;
  by("legend").replaceChildren(...entries.map(([name, colour]) => {
    const entry = document.createElement("span");
    entry.append(swatch(colour), name);
    return entry;
  }));
}

/** What a job is about, in words. */
const what = ({ kind, x, y }) => ({ tile: `tile ${x}, ${y}`, row: `row ${y}`, picture: "the colours" })[kind];
const ENDED = { lost: "worker lost", failed: "given back" };

let listed = "";
function letters(dead, jobs) {
  by("letters").hidden = dead.length === 0;
  const key = JSON.stringify(dead);
  if (key === listed) return;
  listed = key;
  const all = jobs?.dead ?? 0;
  put(by("letters-note"), all > dead.length ? `The first ${whole.format(dead.length)} of ${whole.format(all)}.` : "Each was tried as often as allowed, and put aside.");
  by("letters-rows").replaceChildren(...dead.map((letter) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    put(name, whole.format(letter.job));
    row.append(name);
    put(row.insertCell(), what(letter));
    put(row.insertCell(), letter.tries.map(({ node, outcome }, index) => `${index + 1}: ${ENDED[outcome] ?? outcome} on ${node}`).join("; "));
    return row;
  }));
}

/** What a worker does, and whether that is as it should be. */
function doing({ now, idle, silent }, jobs) {
  if (now?.overdue != null) return [`silent: its lease ended ${whole.format(now.overdue)} s ago`, "bad"];
  const again = now && now.attempt > 1 ? `, try ${now.attempt}` : "";
  if (now?.kind === "tile") return [`tile ${now.x}, ${now.y}${again}`, again ? "warn" : "good"];
  if (now?.kind === "row") return [`counts row ${now.y}${again}`, "good"];
  if (now) return [`makes the colours${again}`, "good"];
  if (jobs.done === jobs.all) return ["all is done", "good"];
  if (silent) return ["silent: its job was taken back", "warn"];
  if (idle < BETWEEN) return ["between jobs", "good"];
  // Where nothing is ready, that is as it should be.
  return [`no job for ${whole.format(idle)} s`, jobs.ready ? "warn" : "good"];
}

function crew(workers, jobs) {
  const nodes = new Set(workers.map((worker) => worker.node)).size;
  const busy = workers.filter(({ now }) => now && now.overdue == null).length;
  put(by("summary"), workers.length
    ? `${plural(workers.length, "worker has", "workers have")} tried a job of this run, on ${plural(nodes, "node", "nodes")}; ${whole.format(busy)} at work now.`
    : "No worker has tried a job yet. Start one: `flow work`.");
  by("table").hidden = workers.length === 0;
  const rows = by("rows");
  while (rows.rows.length > workers.length) rows.deleteRow(-1);
  workers.forEach((worker, index) => line(rows.rows[index] ?? blank(rows), worker, jobs));
}

function blank(rows) {
  const row = rows.insertRow();
  row.insertCell().append(swatch(""), document.createElement("span"));
  const name = document.createElement("th");
  name.scope = "row";
  name.className = "wide";
  row.append(name);
  for (const kind of ["state", "number", "number"]) row.insertCell().className = kind;
  return row;
}

function line(row, worker, jobs) {
  const [node, name, now, done, lost] = row.cells;
  node.firstChild.style.background = picture.colour(worker.node);
  put(node.lastChild, worker.node);
  put(name, worker.id);
  const [text, mood] = doing(worker, jobs);
  put(now, text);
  now.dataset.mood = mood;
  put(done, whole.format(worker.done));
  put(lost, whole.format(worker.lost));
  lost.classList.toggle("failed", worker.lost > 0);
}

tick();

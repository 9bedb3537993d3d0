// Asks once a second who answers, and listens on a websocket beside it.
import { banner, by, link, put } from "./shell.js";

const PERIOD = 1000;
const PATIENCE = 4000;
/** How long to wait before a websocket is opened again, in milliseconds. */
const AGAIN = 500;
/** Answers that are shown. */
const SHOWN = 40;
/** Colours in which white can be read, one a task, again from the start where there are more. */
const COLOURS = ["#0b5cad", "#8a5200", "#17692f", "#7a2d8f", "#b3261e", "#0f6a73", "#5b5bb0", "#8a3b5c"];

const tasks = [];
let missed = 0;
let lost = 0;
let session = null;
/** The note that the field was last filled with: where it says something else, the visitor is writing. */
let filled = "";
/** What a websocket that was open before knew of the session. */
let opened = 0;

/** Shows in a node the number of a task, in the task's colour. */
function chip(node, task) {
  if (!tasks.includes(task)) tasks.push(task);
  const index = tasks.indexOf(task);
  node.style.background = COLOURS[index % COLOURS.length];
  put(node, String(index + 1));
  node.hidden = false;
}

/** Fills the field with the session's note, unless the visitor has changed what stands there. */
function fill(note) {
  if (note === filled || by("note").value !== filled) return;
  filled = note;
  by("note").value = note;
}

async function ask() {
  try {
    const answer = await fetch("whoami", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
    missed = 0;
    link("live", "live");
    banner("unreachable", { over: "The application answers again." });
  } catch {
    missed += 1;
    link("lost", "no answer");
    banner("unreachable", {
      title: "Nobody answers.",
      text: `${missed} ${missed === 1 ? "request has" : "requests have"} failed. Trying again every second.`,
    });
  }
  setTimeout(ask, PERIOD);
}

function show({ task, node, version, session: now }) {
  const fresh = now.state === "gone";
  if (fresh) {
    lost += 1;
    put(by("kept"), "");
    banner("gone", {
      title: "Your session is gone.",
      text: `It was in the memory of a task, and ${task} is another one. A new session begins${session?.note ? `; the note “${session.note}” is lost` : ""}.`,
    });
  } else {
    banner("gone", { over: "This task knows you." });
  }
  session = now;
  put(by("task"), task);
  chip(by("chip"), task);
  put(by("where"), [node && `on ${node}`, `version ${version}`].filter(Boolean).join(", "));
  put(by("visits"), String(now.visits));
  put(by("lost"), String(lost));
  by("lost").classList.toggle("failed", lost > 0);
  put(by("tasks"), String(tasks.length));
  fill(now.note);
  past(task, fresh);
}

function past(task, fresh) {
  const entry = document.createElement("li");
  chip(entry, task);
  entry.title = task;
  if (fresh) entry.dataset.fresh = "";
  by("past").prepend(entry);
  while (by("past").children.length > SHOWN) by("past").lastChild.remove();
  put(by("legend"), `${tasks.map((name, at) => `${at + 1} is ${name}`).join(", ")}. A ! is where a session was lost.`);
}

function listen() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${location.pathname}ws`);
  const words = {
    kept: opened ? "Opened again: the same session." : "Open, with your session.",
    gone: opened ? "Opened again, but your session is gone: this task does not know it." : "Open, but this task does not know your session.",
    none: "Open, without a session.",
  };
  let was = false;
  socket.addEventListener("message", ({ data }) => {
    const { task, tick, session: state } = JSON.parse(data);
    was = true;
    put(by("ticks"), String(tick));
    put(by("socket"), `${words[state]} It ticks from ${task}.`);
    by("socket").dataset.session = state;
  });
  socket.addEventListener("close", () => {
    if (was) opened += 1;
    put(by("ticks"), "–");
    put(by("socket"), "The websocket is closed; opening it again.");
    setTimeout(listen, AGAIN);
  });
}

by("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const note = by("note").value;
  const answer = await fetch("note", { method: "POST", body: note }).catch(() => null);
  if (answer?.ok) {
    filled = note;
    if (session) session.note = note;
  }
  const refused = answer && (await answer.text());
  put(by("kept"), answer?.ok ? "Kept." : refused || "Nobody answered.");
});

await ask();
// The first answer brings the session's cookie, which the websocket is opened with.
listen();

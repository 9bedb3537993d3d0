// The graph: speed above, workers below, on one time axis that moves to the left. Where nothing is known there is no line.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 46, right: 12, top: 12, bottom: 24 };
/** Height of the workers' strip, and the space above it, in pixels. */
const STRIP = 46;
const APART = 26;
/** Samples come once a second; when two are further apart, there is a hole between them, in seconds. */
const HOLE = 5;
/** Coordinates start from zero again after so many seconds, before they grow too large to be drawn exactly. */
const EPOCH = 3600;

/** Steps that people count in: 1, 2 or 5 times a power of ten, about `count` of them up to `top`. */
export function step(top, count) {
  const power = 10 ** Math.floor(Math.log10(top / count));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => top / size <= count);
}

/** Cuts samples into runs without a hole; `pick` says what is drawn of a sample. */
export function runs(samples, pick) {
  const found = [];
  let run = [];
  for (const sample of samples) {
    const hole = run.length && sample[1] - run[run.length - 1][1] > HOLE;
    if (hole || pick(sample) == null) {
      if (run.length) found.push(run);
      run = [];
    }
    if (pick(sample) != null) run.push(sample);
  }
  if (run.length) found.push(run);
  return found;
}

/** From when to when nobody knew how many workers there were: the ledger was away, or the server was. */
export function gaps(samples, now) {
  const known = runs(samples, (sample) => sample[3]);
  const ends = known.map((run) => run[run.length - 1][1]);
  const starts = known.map((run) => run[0][1]);
  const found = ends.slice(0, -1).map((end, index) => [end, starts[index + 1]]);
  const last = ends.at(-1) ?? samples[0]?.[1];
  if (last != null && (now - last > HOLE || samples.at(-1)[3] == null)) found.push([last, now]);
  if (starts.length && samples[0][1] < starts[0]) found.unshift([samples[0][1], starts[0]]);
  return found;
}

function make(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text != null) node.textContent = text;
  parent?.append(node);
  return node;
}

const short = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: 2 });

export class Graph {
  constructor(box, tip) {
    Object.assign(this, { box, tip, samples: [], now: 0, seconds: 300, origin: null, chosen: null });
    const svg = make("svg", { "aria-hidden": "true", focusable: "false" }, box);
    const clip = make("clipPath", { id: "plot" }, make("defs", {}, svg));
    this.svg = svg;
    this.clip = make("rect", {}, clip);
    this.axes = make("g", {}, svg);
    this.moving = make("g", { class: "moving" }, make("g", { "clip-path": "url(#plot)" }, svg));
    this.cursor = make("g", {}, svg);
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerdown", (event) => this.point(event));
    box.addEventListener("pointerleave", () => this.choose(null));
    box.addEventListener("blur", () => this.choose(null));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shows so many seconds. */
  show(seconds) {
    this.seconds = seconds;
    this.resize();
  }

  resize() {
    this.origin = null;
    if (this.samples.length) this.draw(this.samples, this.now);
  }

  draw(samples, now) {
    Object.assign(this, { samples, now });
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    const plot = {
      left: MARGIN.left,
      right: width - MARGIN.right,
      top: MARGIN.top,
      bottom: height - MARGIN.bottom - STRIP - APART,
      floor: height - MARGIN.bottom,
    };
    this.plot = plot;
    this.scale = (plot.right - plot.left) / this.seconds;
    const jump = this.origin == null || now - this.origin > EPOCH;
    if (jump) this.origin = now;
    // Two samples more than fit, so that the line enters and leaves at the edges.
    const seen = samples.filter((sample) => sample[1] >= now - this.seconds - 2);
    const top = Math.max(...seen.map((sample) => sample[2] ?? 0), 1) * 1.04;
    const size = step(top, 6);
    this.top = Math.ceil(top / size) * size;
    this.crew = Math.max(...seen.map((sample) => sample[3] ?? 0), 1);
    for (const [name, value] of Object.entries({
      x: plot.left, y: 0, width: plot.right - plot.left, height,
    })) this.clip.setAttribute(name, value);
    this.drawAxes(size);
    this.drawLines(seen);
    this.slide(jump);
    this.box.setAttribute("aria-valuemax", this.seconds);
    this.choose(this.chosen);
  }

  x(time) { return (time - this.origin) * this.scale; }
  y(speed) { return this.plot.bottom - (speed / this.top) * (this.plot.bottom - this.plot.top); }
  yCrew(workers) { return this.plot.floor - (workers / this.crew) * (STRIP - 4); }
  /** How far the moving part is moved, so that now is at the right edge. */
  shift() { return this.plot.right - this.x(this.now); }

  /** The new second slides in while it passes, except for those who asked for less motion (the style sheet knows). */
  slide(jump) {
    this.moving.classList.toggle("jump", jump);
    this.moving.style.transform = `translateX(${this.shift()}px)`;
    if (jump) {
      this.moving.getBoundingClientRect();
      this.moving.classList.remove("jump");
    }
  }

  drawAxes(size) {
    const { left, right, bottom, floor } = this.plot;
    this.axes.replaceChildren();
    for (let value = 0; value <= this.top * 1.001; value += size) {
      const y = this.y(value);
      make("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }, this.axes);
      make("text", { x: left - 8, y: y + 5, "text-anchor": "end" }, this.axes, short(value));
    }
    make("line", { class: "grid", x1: left, x2: right, y1: floor, y2: floor }, this.axes);
    make("text", { class: "workers-name", x: left - 8, y: this.yCrew(this.crew) + 9, "text-anchor": "end" }, this.axes, short(this.crew));
    make("text", { class: "workers-name", x: left, y: bottom + APART - 6 }, this.axes, "Workers");
    const parts = right - left < 480 ? 2 : this.seconds % 300 ? 4 : 5;
    for (let part = 0; part <= parts; part += 1) {
      const ago = (this.seconds * part) / parts;
      const anchor = part === 0 ? "end" : part === parts ? "start" : "middle";
      const text = part === 0 ? "now" : ago % 60 && ago < 120 ? `${ago} s ago` : `${short(ago / 60)} min ago`;
      make("text", { x: right - ago * this.scale, y: floor + 18, "text-anchor": anchor }, this.axes, text);
    }
  }

  drawLines(seen) {
    const { top, bottom, floor } = this.plot;
    this.moving.replaceChildren();
    for (const [from, to] of gaps(seen, this.now)) {
      const width = this.x(to) - this.x(from);
      make("rect", { class: "gap", x: this.x(from), y: top, width, height: floor - top }, this.moving);
      if (width > 80) make("text", { class: "gap-name", x: this.x(from) + width / 2, y: top + 22 }, this.moving, "no data");
    }
    this.path(runs(seen, (sample) => sample[3]), (sample) => this.yCrew(sample[3]), floor, "workers", true);
    this.path(runs(seen, (sample) => sample[2]), (sample) => this.y(sample[2]), bottom, "speed", false);
  }

  /** A line and the area under it for each run; a single sample becomes a dot, by the round cap. */
  path(found, y, base, name, stairs) {
    for (const run of found) {
      let line = "";
      run.forEach((sample, index) => {
        const [x, at] = [this.x(sample[1]).toFixed(1), y(sample).toFixed(1)];
        line += index === 0 ? `M${x} ${at}` : stairs ? `H${x}V${at}` : `L${x} ${at}`;
      });
      if (run.length === 1) line += "h0";
      const first = this.x(run[0][1]).toFixed(1);
      make("path", { class: `${name}-area`, d: `${line}V${base}H${first}Z` }, this.moving);
      make("path", { class: `${name}-line`, d: line }, this.moving);
    }
  }

  point(event) {
    const at = event.clientX - this.box.getBoundingClientRect().left;
    this.choose(this.now - (this.plot.right - at) / this.scale);
  }

  key(event) {
    const start = this.chosen ?? this.now;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    const edges = { Home: this.now - this.seconds, End: this.now };
    if (event.key === "Escape") this.choose(null);
    else if (event.key in moves) this.choose(start + moves[event.key]);
    else if (event.key in edges) this.choose(edges[event.key]);
    else return;
    event.preventDefault();
  }

  /** Puts the cross at a time, or takes it away. */
  choose(time) {
    this.cursor.replaceChildren();
    this.tip.hidden = true;
    this.chosen = time == null || !this.samples.length ? null : Math.min(Math.max(time, this.now - this.seconds), this.now);
    if (this.chosen == null) {
      const last = this.samples.at(-1);
      this.box.setAttribute("aria-valuenow", this.seconds);
      this.box.setAttribute("aria-valuetext", last?.[2] == null ? "not known now" : `${short(last[2])} hashes/s now`);
      return;
    }
    const near = this.samples.reduce((best, sample) =>
      Math.abs(sample[1] - this.chosen) < Math.abs(best[1] - this.chosen) ? sample : best);
    const there = Math.abs(near[1] - this.chosen) <= HOLE;
    const x = there ? Math.max(this.x(near[1]) + this.shift(), this.plot.left) : this.plot.right - (this.now - this.chosen) * this.scale;
    make("line", { class: "cross", x1: x, x2: x, y1: this.plot.top, y2: this.plot.floor }, this.cursor);
    if (there && near[2] != null) make("circle", { class: "dot", cx: x, cy: this.y(near[2]), r: 5 }, this.cursor);
    const ago = Math.round(this.now - (there ? near[1] : this.chosen));
    const told = there && near[2] != null ? `${short(near[2])} hashes/s` : "not known";
    const crew = there && near[3] != null ? `${near[3]} workers` : "";
    const parts = [told, crew, `${ago} s ago`].filter(Boolean);
    this.tip.textContent = parts.join("\n");
    this.tip.hidden = false;
    const beside = this.box.offsetLeft + x;
    const flip = x > (this.plot.left + this.plot.right) / 2;
    this.tip.style.left = flip ? "auto" : `${beside + 12}px`;
    this.tip.style.right = flip ? `${this.box.parentElement.clientWidth - beside + 12}px` : "auto";
    this.box.setAttribute("aria-valuenow", Math.round(this.seconds - ago));
    this.box.setAttribute("aria-valuetext", parts.join(", "));
  }
}

// Draws the picture: points as they come, and marks on the tiles that somebody works on.

/** Colours of the nodes, and of what went wrong. The picture is dark in both themes, so they are the same in both. */
const NODES = ["#f0b650", "#63d287", "#d59bff", "#ff9d6c", "#5fd6d6", "#f28bb8", "#c6d655", "#9db2ff"];
export const LOST = "#ff5d52";
/** From the darkest brightness to the brightest: where, and red, green and blue there. */
const RAMP = [[0, 6, 16, 31], [.3, 11, 60, 130], [.6, 80, 160, 245], [.85, 255, 226, 160], [1, 255, 255, 255]];

function ramp(at) {
  const next = Math.max(1, RAMP.findIndex(([stop]) => stop >= at));
  const [low, high] = [RAMP[next - 1], RAMP[next]];
  const part = (at - low[0]) / (high[0] - low[0]);
  return [1, 2, 3].map((i) => Math.round(low[i] + (high[i] - low[i]) * part));
}

const COLOURS = Array.from({ length: 256 }, (_, brightness) => ramp(brightness / 255));
/** Before the funnels have counted, brightness is a guess: the square root spreads the low counts. */
const GUESS = Uint8Array.from({ length: 256 }, (_, count) => (count === 255 ? 0 : Math.sqrt(count / 255) * 255));

export const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export class Picture {
  #points; #marks; #grid = null; #counts = null; #palette = GUESS; #text = null; #nodes = new Map();

  constructor(points, marks) {
    this.#points = points;
    this.#marks = marks;
  }

  /** Takes the picture away. */
  clear() {
    this.#palette = GUESS;
    this.#text = null;
    this.#nodes.clear();
    // Whoever sets a canvas' size empties it.
    for (const canvas of [this.#points, this.#marks]) canvas.width = 0;
  }

  /** Begins a picture of that size, without a point. */
  begin(grid) {
    this.clear();
    this.#grid = grid;
    const [width, height] = [grid.across * grid.tile, grid.down * grid.tile];
    this.#counts = new Uint8Array(width * height);
    for (const canvas of [this.#points, this.#marks]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.#points.parentElement.style.aspectRatio = `${width} / ${height}`;
  }

  /** A node's colour: the same as long as the page is open. */
  colour(node) {
    if (!this.#nodes.has(node)) this.#nodes.set(node, NODES[this.#nodes.size % NODES.length]);
    return this.#nodes.get(node);
  }

  nodes() {
    return [...this.#nodes];
  }

  /** Draws new tiles; all of them once the funnels' palette is there. */
  draw(tiles, palette) {
    const { tile: side, across } = this.#grid;
    for (const { x, y, points } of tiles) {
      const data = bytes(points);
      for (let row = 0; row < side; row += 1) {
        this.#counts.set(data.subarray(row * side, (row + 1) * side), (y * side + row) * across * side + x * side);
      }
      this.#paint(x * side, y * side, side, side, data);
    }
    if (palette && palette !== this.#text) {
      this.#text = palette;
      this.#palette = bytes(palette);
      this.#paint(0, 0, this.#points.width, this.#points.height, this.#counts);
    }
  }

  #paint(left, top, width, height, counts) {
    const image = new ImageData(width, height);
    counts.forEach((count, i) => image.data.set([...COLOURS[this.#palette[count]], 255], i * 4));
    this.#points.getContext("2d").putImageData(image, left, top);
  }

  /** Marks tiles: those that a worker has with its node's colour, those that were lost with a frame in red, dead ones with a cross. */
  mark(marked) {
    const side = this.#grid.tile;
    const pen = this.#marks.getContext("2d");
    pen.clearRect(0, 0, this.#marks.width, this.#marks.height);
    pen.lineWidth = Math.max(1, side / 8);
    for (const { x, y, mark, node } of marked) {
      const [left, top] = [x * side, y * side];
      if (node || mark === "running") {
        pen.fillStyle = this.colour(node ?? "?");
        pen.globalAlpha = .55;
        pen.fillRect(left, top, side, side);
        pen.globalAlpha = 1;
      }
      pen.strokeStyle = mark === "running" ? this.colour(node ?? "?") : LOST;
      pen.strokeRect(left + pen.lineWidth / 2, top + pen.lineWidth / 2, side - pen.lineWidth, side - pen.lineWidth);
      if (mark === "dead") {
        pen.beginPath();
        pen.moveTo(left, top);
        pen.lineTo(left + side, top + side);
        pen.moveTo(left + side, top);
        pen.lineTo(left, top + side);
        pen.stroke();
      }
    }
  }
}

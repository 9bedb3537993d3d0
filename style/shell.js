// What all pages of the services have in common: texts, banners, the state of the connection, the choice of a theme.

export const by = (id) => document.getElementById(id);

/** Changes a text only when it differs, so that selections survive and nothing is announced twice. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows a banner, or takes it away with `over` as the news. A screen reader hears each once, not the seconds go by. */
export function banner(id, { title = null, text = "", over = "" }) {
  const node = by(id);
  if (title == null) {
    if (!node.hidden) put(by("alarm"), over);
    node.hidden = true;
    return;
  }
  if (!node.firstChild) node.append(document.createElement("strong"), document.createElement("span"));
  put(node.firstChild, title);
  put(node.lastChild, text);
  if (node.hidden) put(by("alarm"), `${title} ${text}`);
  node.hidden = false;
}

/** Says beside the title how the page is connected: `live`, `wait` or `lost`, and in words. */
export function link(state, text) {
  by("link").dataset.state = state;
  put(by("link"), text);
}

function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  put(by("theme-name"), name);
}

/** A browser that forbids storage forgets the choice, and nothing else. */
const kept = {
  get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
  set: (name) => { try { localStorage.setItem("theme", name); } catch { /* forgotten */ } },
};
const themes = ["system", "light", "dark"];
let chosen = themes.includes(kept.get()) ? kept.get() : "system";
theme(chosen);
by("theme").addEventListener("click", () => {
  chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
  kept.set(chosen);
  theme(chosen);
});

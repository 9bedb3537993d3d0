// Draws the swarm every second, and the speed where the page has a place for it.
const byId = id => document.getElementById(id);
const element = (tag, content, name) => {
  const made = document.createElement(tag);
  made.textContent = content;
  if (name) made.className = name;
  return made;
};
// A task that has ended is news for so many milliseconds.
const NEWS = 20000;
let known = null;

const card = task => {
  const name = task.going && task.status === 'running' ? 'going' : task.status;
  const made = element('div', '', `task ${name}`);
  if (known && !known.has(task.id) && !task.going) made.classList.add('new');
  made.append(element('b', `${task.service}.${task.index}`));
  const state = task.state === 'running' ? task.version : `${task.state} ${task.version}`;
  made.append(element('span', task.going && task.state === 'running' ? `leaving ${task.version}` : state));
  made.title = [`${task.service}.${task.index}`, task.state, task.version, task.error].filter(Boolean).join(', ');
  return made;
};
const fresh = task => !task.going || task.state === 'running' || Date.now() - Date.parse(task.since) < NEWS;
const byName = (a, b) => a.service.localeCompare(b.service) || a.index.localeCompare(b.index, undefined, { numeric: true }) || a.going - b.going;

const load = node => {
  const made = element('div', '', 'load');
  if (!node.load) return made;
  const bar = element('div', '', 'bar');
  const part = element('i', '');
  part.style.setProperty('width', `${Math.min(100, node.load.processors / node.load.of * 100)}%`);
  bar.append(part);
  made.append(bar, element('span', `${node.load.processors.toFixed(2)} of ${node.load.of} CPU, ${Math.round(node.load.memory / 1048576)} MB`));
  return made;
};
const box = (name, about, bad, tasks, loaded) => {
  const made = element('section', '', 'card node');
  const title = element('h2', name);
  title.append(...about.map(word => element('span', word, bad.includes(word) ? 'broken' : '')));
  const list = element('div', '', 'tasks');
  list.append(...tasks.filter(fresh).sort(byName).map(card));
  made.append(title, loaded ?? '', list);
  return made;
};
const nodes = map => {
  const boxes = map.nodes.map(node => {
    const state = node.availability === 'active' ? node.state : `${node.state}, ${node.availability}`;
    const made = box(node.name, [node.role, state, node.address], node.state === 'ready' && node.availability === 'active' ? [] : [state], node.tasks, load(node));
    if (node.state !== 'ready') made.classList.add('down');
    return made;
  });
  if (map.waiting.length) boxes.push(box('on no node yet', [], [], map.waiting));
  return boxes;
};
const totals = map => {
  const all = [...map.waiting, ...map.nodes.flatMap(node => node.tasks)].filter(task => !task.going);
  const count = status => all.filter(task => task.status === status).length;
  const ready = map.nodes.filter(node => node.state === 'ready').length;
  const services = new Set(all.map(task => task.service)).size;
  return [['Nodes ready', ready, `of ${map.nodes.length}`], ['Services', services, ''], ['Tasks running', count('running'), `of ${all.length}`], ['On their way', count('pending'), ''], ['Failed', count('failed'), '']].map(([name, figure, unit]) => {
    const made = element('div', '');
    const value = element('dd', figure);
    if (name === 'Failed' && figure > 0) value.className = 'failed';
    if (unit) value.append(element('span', unit, 'unit'));
    made.append(element('dt', name), value);
    return made;
  });
};
const svg = (tag, attributes, text) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const curve = samples => {
  const last = samples.at(-1);
  if (!last) return;
  // Three minutes: long enough to see two steps, short enough to see the newest one move.
  const span = 180;
  const seen = samples.filter(([time]) => last[0] - time <= span);
  const most = Math.max(...seen.map(([, speed]) => speed));
  const top = Math.max(12, most) * 1.1;
  const x = time => 470 - (last[0] - time) / span * 430;
  const y = speed => 232 - speed / top * 218;
  byId('now').textContent = last[1].toFixed(1);
  byId('most').textContent = `at most ${most.toFixed(1)} in the last three minutes`;
  const points = seen.map(([time, speed]) => `${x(time).toFixed(1)},${y(speed).toFixed(1)}`);
  byId('curve').setAttribute('points', points.join(' '));
  byId('area').setAttribute('d', `M${x(seen[0][0])},${y(0)} L${points.join(' L')} L${x(last[0])},${y(0)} Z`);
  const step = top > 60 ? 20 : top > 25 ? 10 : 5;
  const marks = [];
  for (let speed = 0; speed < top; speed += step) {
    marks.push(svg('line', { class: 'grid', x1: 40, x2: 470, y1: y(speed), y2: y(speed) }), svg('text', { x: 34, y: y(speed) + 4, 'text-anchor': 'end' }, speed));
  }
  for (const minutes of [1, 2, 3]) marks.push(svg('text', { x: x(last[0] - minutes * 60), y: 252, 'text-anchor': 'middle' }, `−${minutes} min`));
  byId('grid').replaceChildren(...marks);
};
const ask = async path => {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const link = (state, text) => {
  byId('link').dataset.state = state;
  if (byId('link').textContent !== text) byId('link').textContent = text;
};
const look = async () => {
  try {
    const map = await ask('map.json');
    byId('totals').replaceChildren(...totals(map));
    byId('nodes').replaceChildren(...nodes(map));
    known = new Set(map.nodes.flatMap(node => node.tasks.map(task => task.id)));
    if (byId('curve')) curve(await ask('speed.json'));
    link('live', 'live');
  } catch (error) {
    link('lost', error instanceof TypeError ? 'lab map has ended' : error.message);
  }
  setTimeout(look, 1000);
};
look();

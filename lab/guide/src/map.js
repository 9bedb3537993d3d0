// Draws the swarm every second, and the speed where the page has a place for it.
const byId = id => document.getElementById(id);
const element = (tag, content, name) => {
  const made = document.createElement(tag);
  made.textContent = content;
  if (name) made.className = name;
  return made;
};
const nodes = map => map.nodes.map(node => {
  const box = element('section', '', node.state === 'ready' ? 'node' : 'node down');
  const about = [node.role, node.state, node.availability, node.address].join(', ');
  box.append(element('h2', node.name), element('p', about, 'small'), ...node.tasks.map(task => {
    const phase = task.status === 'running' ? '' : ` (${task.status})`;
    return element('span', `${task.service}.${task.index}${phase}`, `task ${task.status}`);
  }));
  return box;
});
const curve = samples => {
  const last = samples.at(-1);
  if (!last) return;
  const top = Math.max(12, ...samples.map(([, speed]) => speed)) * 1.1;
  const x = time => 600 - (last[0] - time) * 2;
  const y = speed => 130 - speed / top * 120;
  byId('now').textContent = last[1].toFixed(1);
  byId('curve').setAttribute('points', samples.filter(([time]) => x(time) > 30).map(([time, speed]) => `${x(time)},${y(speed)}`).join(' '));
  byId('grid').innerHTML = [0, 10, 20, 30].filter(speed => speed < top).map(speed =>
    `<line class=grid x1=30 x2=600 y1=${y(speed)} y2=${y(speed)} /><text x=24 y=${y(speed) + 4} text-anchor=end>${speed}</text>`).join('');
};
const ask = async path => {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const look = async () => {
  let said = '';
  try {
    const map = await ask('map.json');
    byId('nodes').replaceChildren(...nodes(map));
    byId('waiting').textContent = map.waiting.length ? `${map.waiting.length} tasks on no node yet` : '';
    if (byId('curve')) curve(await ask('speed.json'));
  } catch (error) {
    said = error instanceof TypeError ? 'lab map has ended' : error.message;
  }
  byId('said').textContent = said;
  setTimeout(look, 1000);
};
look();

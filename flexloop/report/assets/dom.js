// Making elements. Text is always set as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
  return element;
}

const html = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = id => document.getElementById(id);

/** A drawing of so many pixels; it shrinks with the page but does not grow. */
function drawing(width, height, label, ...children) {
  return svg('svg', {
    viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': label,
  }, ...children);
}

/** A key to a drawing: [mark at (x, y), words] pairs in rows no wider than the drawing. */
function key(entries, left, top, width) {
  const parts = [];
  let x = left, y = top;
  for (const [mark, words] of entries) {
    const room = 40 + 6.8 * words.length;
    if (x > left && x + room - 16 > width) [x, y] = [left, y + 19];
    parts.push(mark(x, y), text(x + 20, y + 4, words, {class: 'small'}));
    x += room;
  }
  return {parts, bottom: y + 10};
}

function text(x, y, content, attributes = {}) {
  return svg('text', {x, y, ...attributes}, String(content));
}

/** What makes an element of a drawing a button: for the mouse, the keyboard and screen readers. */
function button(label, action) {
  const press = event => {
    if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    action(event);
  };
  return {role: 'button', tabindex: 0, 'aria-label': label, onclick: press, onkeydown: press};
}

/** A row of choices of which one holds; options are [value, label] pairs. */
function choice(label, options, current, choose) {
  return html('div', {class: 'choice', role: 'group', 'aria-label': label},
    html('span', {class: 'label'}, label),
    options.map(([value, words]) => html('button', {
      type: 'button', 'aria-pressed': String(value === current), onclick: () => choose(value),
    }, words)));
}

function dropdown(label, options, current, choose) {
  const list = html('select', {onchange: event => choose(event.target.value)},
    options.map(([value, words]) => html('option', {value, selected: value === current}, words)));
  return html('label', {class: 'choice'}, html('span', {class: 'label'}, label), list);
}

function watchTips() {
  const tip = byId('tip');
  document.addEventListener('mousemove', event => {
    const owner = event.target.closest && event.target.closest('[data-tip]');
    tip.hidden = !owner;
    if (!owner) return;
    tip.textContent = owner.getAttribute('data-tip');
    const {width, height} = tip.getBoundingClientRect();
    const right = event.clientX + 14 + width > window.innerWidth;
    const below = event.clientY + 18 + height > window.innerHeight;
    tip.style.left = `${Math.max(4, right ? event.clientX - width - 10 : event.clientX + 14)}px`;
    tip.style.top = `${Math.max(4, below ? event.clientY - height - 10 : event.clientY + 18)}px`;
  });
}

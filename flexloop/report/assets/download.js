// Files of what the page shows, made from the page itself: each figure as SVG, each table as CSV.

const fileName = name => name.replace(/[^A-Za-z0-9_.-]/g, '_');

function save(name, content, type) {
  const link = html('a', {download: fileName(name), href: URL.createObjectURL(new Blob([content], {type}))});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const downloadButton = (words, label, action) =>
  html('button', {type: 'button', class: 'link download', 'aria-label': `${words}: ${label}`, onclick: action}, words);

// What a figure's look hangs on; all of these are inherited, so each is written where it changes.
const LOOKS = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'paint-order',
  'font-family', 'font-size', 'font-weight', 'text-anchor'];

/** A drawing as a file that needs no style sheet: light whatever the page's scheme, its tips as titles. */
function svgFile(drawing) {
  const root = document.documentElement, copy = drawing.cloneNode(true);
  const [originals, copies] = [drawing, copy].map(top => [top, ...top.querySelectorAll('*')]);
  root.dataset.scheme = 'light';
  try {
    originals.forEach((original, index) => bare(copies[index], getComputedStyle(original),
      index ? getComputedStyle(original.parentNode) : null));
  } finally {
    delete root.dataset.scheme;
  }
  copy.setAttribute('xmlns', SVG);
  copy.prepend(svg('rect', {width: '100%', height: '100%', fill: '#ffffff'}));
  return new XMLSerializer().serializeToString(copy) + '\n';
}

/** Write an element's look into its attributes, and take out what only the page has a use for. */
function bare(element, look, around) {
  for (const name of LOOKS) {
    const value = look.getPropertyValue(name);
    if (!around || value !== around.getPropertyValue(name)) element.setAttribute(name, value);
    else element.removeAttribute(name);
  }
  const tip = element.getAttribute('data-tip');
  for (const {name} of [...element.attributes])
    if (/^(class|role|tabindex|aria-.*|data-.*)$/.test(name)) element.removeAttribute(name);
  if (tip) element.prepend(svg('title', {}, tip));
}

/** Rows as CSV (RFC 4180). */
function csv(rows) {
  const cell = value => !exists(value) || value === MISSING ? '' : /[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return rows.map(row => row.map(cell).join(',') + '\r\n').join('');
}

/** Give each plain table of the page a button; what it saves is what stands in the cells. */
function offerTables(root, prefix) {
  for (const table of root.querySelectorAll('table.plain')) {
    const name = table.dataset.name || 'table';
    const rows = () => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent.trim().replaceAll('\u2009', '')));
    const holder = table.closest('.scroll') || table;
    holder.after(html('p', {class: 'downloads'}, downloadButton('CSV', name, () => save(`${prefix}-${name}.csv`, csv(rows()), 'text/csv'))));
  }
}

// Tables that sort by a click on a heading and filter by class and variant.

/** Return what a cell sorts by: a number, a text, or null where missing. */
function sortKey(row, column, numeric) {
  const value = row.cells[column]?.dataset.sort ?? '';
  if (value === '') return null;
  return numeric ? Number(value) : value;
}

/** Sort the rows of every body; missing values come last in either direction, equal ones keep their order. */
function sortTable(table, column, numeric, direction) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.querySelector('[scope="rowgroup"]'));
    const keys = new Map(rows.map((row) => [row, sortKey(row, column, numeric)]));
    rows.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      const order = numeric ? x - y : x.localeCompare(y, undefined, { numeric: true });
      return direction * order;
    });
    body.append(...rows);
  }
}

/** Return the headings that stand right above a column, one a column, whatever the rows of headings. */
function headings(table) {
  const grid = [...table.tHead.rows].map(() => []);
  [...table.tHead.rows].forEach((row, level) => {
    let place = 0;
    for (const cell of row.cells) {
      while (grid[level][place]) place += 1;
      for (let down = 0; down < cell.rowSpan; down += 1) {
        for (let right = 0; right < cell.colSpan; right += 1) grid[level + down][place + right] = cell;
      }
    }
  });
  return grid.at(-1);
}

function makeSortable(table) {
  const cells = headings(table);
  cells.forEach((cell, column) => {
    const numeric = cell.dataset.type === 'number';
    const button = make('button', { type: 'button', title: 'Sort by this column' }, ...cell.childNodes);
    cell.append(button);
    button.addEventListener('click', () => {
      const first = numeric ? 'descending' : 'ascending';
      const second = numeric ? 'ascending' : 'descending';
      const next = cell.getAttribute('aria-sort') === first ? second : first;
      for (const other of cells) other.removeAttribute('aria-sort');
      cell.setAttribute('aria-sort', next);
      sortTable(table, column, numeric, next === 'ascending' ? 1 : -1);
    });
  });
}

function startTables() {
  const section = document.getElementById('tables');
  const parts = [...section.querySelectorAll('.table')];
  parts.forEach((part) => makeSortable(part.querySelector('table')));
  const which = document.getElementById('which-table');
  const byClass = document.getElementById('which-class');
  const byVariant = document.getElementById('which-variant');
  const count = document.getElementById('table-count');
  const filter = () => {
    const wanted = byVariant.value.trim().toLowerCase();
    for (const part of parts) {
      part.hidden = which !== null && part.dataset.table !== which.value;
      const rows = [...part.querySelectorAll('tr[data-variant]')];
      for (const row of rows) {
        const other = byClass !== null && byClass.value !== '' && row.dataset.class !== byClass.value;
        row.hidden = other || !row.dataset.variant.toLowerCase().includes(wanted);
      }
      for (const body of part.querySelectorAll('tbody')) {
        body.hidden = ![...body.rows].some((row) => row.dataset.variant !== undefined && !row.hidden);
      }
      if (!part.hidden) {
        const left = rows.filter((row) => !row.hidden).length;
        count.textContent = left < rows.length ? `${left} of ${rows.length} rows` : '';
      }
    }
  };
  for (const input of [which, byClass, byVariant]) input?.addEventListener('input', filter);
  section.querySelector('.controls').hidden = false;
  filter();
}

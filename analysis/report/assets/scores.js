// The table of cases: the chosen metric of each case under each variant.

function startScores() {
  const place = document.getElementById('scores');
  if (!data.cases.length) return;
  const paint = () => {
    const values = chosenValues();
    const title = `Every case: ${chosenMetric().heading}${ofClass()}`;
    const head = make('tr', {}, make('th', { scope: 'col', 'data-type': 'text', text: 'case' }),
      ...data.variants.map((name) => make('th', { scope: 'col', 'data-type': 'number', text: name })));
    const body = make('tbody', {}, ...data.cases.map((id, row) => {
      const open = browserHas(id) ? make('button', { type: 'button', text: id, title: 'See this case', onclick: () => openCase(id, true) }) : id;
      return make('tr', {}, make('th', { scope: 'row', 'data-sort': id }, open),
        ...values.map((own) => make('td', { 'data-sort': own[row] ?? '', text: shown(own[row]) })));
    }));
    const table = make('table', {}, make('caption', { text: title }), make('thead', {}, head), body);
    makeSortable(table);
    const box = make('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': title }, table);
    place.replaceChildren(box);
    tellSideways(box);
  };
  choice.listeners.push(paint);
  paint();
}

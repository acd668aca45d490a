// Which cases are shown: by split, by name, odd ones alone; with or without the outlines of labels.

function startCases() {
  const controls = document.getElementById('case-controls');
  const grid = document.getElementById('case-grid');
  const [split, name, odd, labels] = ['split', 'name', 'odd', 'labels'].map((id) => document.getElementById(`case-${id}`));
  const count = document.getElementById('case-count');
  const all = [...grid.children];
  const show = () => {
    const wanted = name.value.trim().toLowerCase();
    let shown = 0;
    all.forEach((card) => {
      const fits = (!split.value || card.dataset.split === split.value)
        && (!odd.checked || card.dataset.odd === 'yes')
        && card.querySelector('strong').textContent.toLowerCase().includes(wanted);
      card.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    count.textContent = shown === all.length ? '' : `${shown} of ${all.length} cases`;
    if (labels) grid.classList.toggle('without-labels', !labels.checked);
  };
  controls.hidden = false;
  controls.addEventListener('input', show);
  show();
}

startTheme();
startCases();

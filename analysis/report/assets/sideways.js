// Tables that are wider than the page scroll in a box; here the box says so, with words and a shadow at each hidden side.

function tellSideways(box) {
  const frame = make('div', { class: 'frame' });
  const words = make('p', { class: 'sideways', hidden: '', text: 'Wider than the page: scroll it sideways.' });
  box.replaceWith(frame);
  const shade = make('span', { class: 'shade' });
  frame.append(words, box, shade);
  const table = box.querySelector('table');
  for (const group of table.querySelectorAll('th[scope="rowgroup"]')) group.append(make('span', {}, ...group.childNodes));
  const look = () => {
    const hidden = box.scrollWidth - box.clientWidth;
    words.hidden = hidden <= 1;
    // Title and notes do not scroll, so the shadow lies between them.
    shade.style.top = `${table.offsetTop + table.tHead.offsetTop}px`;
    shade.style.height = `${table.offsetHeight - table.tHead.offsetTop}px`;
    frame.classList.toggle('more-left', box.scrollLeft > 1);
    frame.classList.toggle('more-right', box.scrollLeft < hidden - 1);
  };
  box.addEventListener('scroll', look, { passive: true });
  const watch = new ResizeObserver(look);
  watch.observe(box);
  watch.observe(table);
  return frame;
}

function startSideways() {
  document.querySelectorAll('.wide').forEach(tellSideways);
}

// Boxes that are wider than the page scroll by themselves; here they say so, with words and a shadow at the hidden side.

function tellSideways(box) {
  const frame = make('div', { class: 'frame' });
  const words = make('p', { class: 'sideways', hidden: '', text: 'Wider than the page: scroll it sideways.' });
  box.replaceWith(frame);
  frame.append(words, box, make('span', { class: 'shade left' }), make('span', { class: 'shade right' }));
  const look = () => {
    const hidden = box.scrollWidth - box.clientWidth;
    words.hidden = hidden <= 1;
    frame.classList.toggle('more-left', box.scrollLeft > 1);
    frame.classList.toggle('more-right', box.scrollLeft < hidden - 1);
  };
  box.addEventListener('scroll', look, { passive: true });
  const watch = new ResizeObserver(look);
  watch.observe(box);
  if (box.firstElementChild) watch.observe(box.firstElementChild);
  return frame;
}

function startSideways() {
  document.querySelectorAll('.wide').forEach(tellSideways);
}

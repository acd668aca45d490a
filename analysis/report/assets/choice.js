// The metric and class that figures and the table of cases show.

const choice = { metric: 0, class: 0, listeners: [] };

function startChoice() {
  const controls = document.getElementById('figure-controls');
  if (controls === null) return; // there is nothing to choose for
  const add = (label, names, key) => {
    if (names.length < 2) return;
    const options = names.map((name, place) => make('option', { value: place, text: name }));
    const select = make('select', { id: `figure-${key}` }, ...options);
    select.addEventListener('input', () => {
      choice[key] = Number(select.value);
      choice.listeners.forEach((listener) => listener());
    });
    controls.append(make('label', {}, `${label} `, select));
  };
  add('Metric', data.metrics.map((metric) => metric.heading), 'metric');
  add('Class', data.classes, 'class');
}

const chosenMetric = () => data.metrics[choice.metric];
const chosenRows = () => data.rows[choice.metric][choice.class];
const chosenValues = () => data.values[choice.metric][choice.class];
const ofClass = () => (data.classes.length > 1 ? `, ${data.classes[choice.class]}` : '');

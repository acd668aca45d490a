// Two sweeps: the differences of each on one axis.

function startBeside() {
  const rowsOf = (sweep) => sweep.rows[choice.metric][choice.class].filter((row) => row.difference);
  data.sweeps.forEach((sweep, place) => {
    const compared = () => rowsOf(sweep);
    if (sweep.reference === null || !sweep.rows.flat(2).some((row) => row.difference)) return;
    const note = () => forestNote(compared(), { ...chosenMetric(), heading: `${chosenMetric().heading}${ofClass()}` }, sweep);
    const found = chart(`forest-${place}`, `${sweep.name}: difference from ${sweep.reference}`, note(), (svg, width) => {
      const all = data.sweeps.flatMap(rowsOf);
      return drawForest(svg, width, compared(), { ...sweep, metric: chosenMetric(), reference: null, values: reach(all), others: all.map((row) => row.name) });
    });
    choice.listeners.push(() => {
      found.note(note());
      found.again();
    });
  });
}

startTheme();
startTables();
if (document.getElementById('common')) makeSortable(document.getElementById('common'));
startSideways();
startChoice();
startBeside();

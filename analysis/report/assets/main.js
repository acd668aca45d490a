// Everything starts here; the cases' pictures follow below this script and are read when one is opened.

startTheme();
startTables();
startSideways();
startChoice();
startForest();
startDots();
startSensitivity();
startCourses();
document.addEventListener('DOMContentLoaded', () => {
  startBrowser();
  startScores();
  startLive();
});

// Loaded before anything is drawn, so that a chosen dark page does not flash white. Not a module: modules come later.
try {
  document.documentElement.dataset.theme = localStorage.getItem('aqueduct.theme') ?? 'auto';
} catch {
  document.documentElement.dataset.theme = 'auto';
}

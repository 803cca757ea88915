// Takes the token out of the address before anything else runs, so that it is neither seen, bookmarked nor shared. A
// fragment never reaches a server. Not a module: modules come later. `entry.js` fetches what is put down here.
(() => {
  const takeFragment = () => {
    const { hash, pathname, search } = location;
    if (hash.length < 8) return;
    window.__meetingFragment = hash;
    history.replaceState(history.state, '', pathname + search);
    window.dispatchEvent(new Event('meetingfragment'));
  };
  takeFragment();
  window.addEventListener('hashchange', takeFragment);
})();

//! Listeners: peers dial us.

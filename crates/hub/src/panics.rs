//! Panic isolation: a panic in one owner ends that owner, with a backtrace in an event; the rest goes on.
use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Where and why the last panic of this thread was, between the hook and the one who catches it.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

static INSTALL: Once = Once::new();

/// Makes panics of workers keep their message and backtrace for the event instead of printing them.
pub(crate) fn install_hook() {
    INSTALL.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if crate::worker::on_worker() {
                let backtrace = Backtrace::force_capture().to_string();
                LAST.with(|last| *last.borrow_mut() = Some((info.to_string(), backtrace)));
            } else {
                previous(info);
            }
        }));
    });
}

/// Message and backtrace of the panic just caught.
pub(crate) fn describe(payload: &(dyn Any + Send)) -> (String, String) {
    if let Some(known) = LAST.with(|last| last.borrow_mut().take()) {
        return known;
    }
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    (message, String::new())
}

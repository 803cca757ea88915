//! A HomeKit controller with live views of our own cameras: it pairs, opens views as phones do, judges every packet that
//! comes, ends the views in order, and leaves the accessory as it found it.
//!
//! One connection for all views, as a phone has one; each view has sockets, keys and SSRCs of its own. Reports go out as
//! often as phones send them, since a server has to decipher them.
mod controller;
mod lane;
mod report;
#[cfg(test)]
mod tests;
mod view;

pub use report::HomekitReport;

use super::driver::{LoadError, SETTLE, load_average, raise_file_limit};
use super::options::HomekitOptions;
use super::target::Target;
use super::usage::Usage;
use controller::{Controller, Pairing};
use protocols::hap::pairing::SetupCode;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use tokio::time::sleep;
use view::View;

/// How long all views may take to their first picture, once they are started: 15 s.
const JOIN_MAX: Duration = Duration::from_secs(15);
/// How often it is looked whether all have one.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For so long nothing may follow the end of a view: 500 ms, which is twelve pictures.
const SILENCE: Duration = Duration::from_millis(500);

/// Pairs, views for some seconds, and reports.
pub(super) async fn run(options: &HomekitOptions) -> Result<HomekitReport, LoadError> {
    let target = Target::parse(&format!("hap://{}", options.address), &[("hap", 0)])?;
    let code = SetupCode::new(&options.pin).map_err(|error| LoadError::Homekit(error.to_string()))?;
    if let Some(pid) = options.server_pid {
        Usage::of(pid).ok_or(LoadError::NoServer(pid))?;
    }
    raise_file_limit(2 * usize::from(options.views))?;
    let pairing = Pairing::make(&target, code, options.id.as_deref()).await;
    let pairing = pairing.map_err(LoadError::Homekit)?;
    let mut report = HomekitReport::expecting(options);
    let mut views = Vec::new();
    let tasks = LocalSet::new();
    let looked = tasks.run_until(look(&target, &pairing, options, &mut views, &mut report)).await;
    if let Err(why) = looked {
        report.fail(&why);
    }
    drop(tasks);
    views.iter().for_each(|view| report.add(view));
    report.finish();
    match pairing.remove(&target).await {
        Ok(()) => report.unpaired = true,
        Err(why) => report.fail(&format!("the pairing could not be removed: {why}")),
    }
    Ok(report)
}

/// Everything between pairing and its removal. An error is one of the connection; what single views see is in them.
async fn look(
    target: &Target,
    pairing: &Pairing,
    options: &HomekitOptions,
    views: &mut Vec<View>,
    report: &mut HomekitReport,
) -> Result<(), String> {
    let idle = Duration::from_secs(options.idle_seconds);
    report.server_cpu_before = cpu_over(options, idle).await;
    let before = options.server_pid.and_then(Usage::of);
    let mut phone = Controller::verify(target, pairing).await?;
    let streams = phone.streams().await?;
    let wanted = usize::from(options.views);
    if streams.len() < wanted {
        report.fail(&format!("its cameras have {} streams, and {wanted} views are wanted", streams.len()));
    }
    for ids in streams.into_iter().take(wanted) {
        match View::open(&mut phone, target, ids, options).await? {
            Ok(view) => views.push(view),
            Err(why) => report.fail(&why),
        }
    }
    let deadline = Instant::now() + JOIN_MAX;
    while views.iter().any(|view| !view.has_begun()) && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
    sleep(SETTLE).await;
    measure(options, views, report).await;
    if let (Some(before), Some(after)) = (before, options.server_pid.and_then(Usage::of)) {
        report.server_resident_kib = Some(after.resident_kib);
        let more = after.resident_kib as f64 - before.resident_kib as f64;
        report.server_resident_kib_per_view = Some(more / views.len().max(1) as f64);
    }
    for view in views.iter_mut() {
        view.end(&mut phone).await?;
    }
    sleep(SILENCE).await;
    for view in views.iter_mut() {
        view.look_back(&mut phone).await?;
    }
    report.server_cpu_after = cpu_over(options, idle).await;
    Ok(())
}

/// The CPU of the server over this time, a second.
async fn cpu_over(options: &HomekitOptions, time: Duration) -> Option<f64> {
    let pid = options.server_pid?;
    let (began, before) = (Instant::now(), Usage::of(pid)?);
    sleep(time).await;
    let after = Usage::of(pid)?;
    Some(after.cpu.saturating_sub(before.cpu).as_secs_f64() / began.elapsed().as_secs_f64())
}

async fn measure(options: &HomekitOptions, views: &[View], report: &mut HomekitReport) {
    let sums = || {
        let seen = views.iter().map(View::seen);
        seen.fold((0, 0), |(bytes, packets), seen| (bytes + seen.bytes, packets + seen.packets))
    };
    let pictures = || views.iter().map(View::pictures).collect::<Vec<_>>();
    let (began, own) = (Instant::now(), Usage::own());
    let (bytes_before, packets_before) = sums();
    let pictures_before = pictures();
    report.server_cpu = cpu_over(options, Duration::from_secs(options.seconds)).await;
    if options.server_pid.is_none() {
        sleep(Duration::from_secs(options.seconds)).await;
    }
    let (bytes, packets) = sums();
    let seconds = began.elapsed().as_secs_f64();
    report.seconds = seconds;
    report.own_cpu_seconds = (Usage::own().cpu - own.cpu).as_secs_f64();
    report.mbit_per_second = (bytes - bytes_before) as f64 * 8.0 / 1e6 / seconds;
    report.packets_per_second = (packets - packets_before) as f64 / seconds;
    report.load_average = load_average();
    let more = pictures().into_iter().zip(pictures_before).map(|(after, before)| (after - before) as f64);
    let rates: Vec<f64> = more.map(|pictures| pictures / seconds).collect();
    report.fps_min = rates.iter().copied().reduce(f64::min).unwrap_or_default();
    report.fps_max = rates.iter().copied().reduce(f64::max).unwrap_or_default();
}

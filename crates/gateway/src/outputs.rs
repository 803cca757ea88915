//! Outputs: we dial, and what is said in a talk stream goes out, to a device's loudspeaker.
//!
//! A vendor is one file here, with two things in it:
//! - a [`Deliver`] that says which URLs are its own (`takes`), what is wrong with one (`check`), who the device is
//!   (`peer`), and runs one call: `call::run(task, peer, device)`;
//! - a `call::Device`: one call from dialling to hanging up. It says when it knows what sound the device takes, gets
//!   frames of just that, says what it sent, and ends in order when it is told to.
//!
//! Everything else is the same for all and is there already: the hub runs a call while somebody talks, and tries again
//! by its policy; [`call`] reads the stream in what the device takes (see [`crate::renditions::talk`]), keeps the delay
//! short, counts, and takes down how the call ended; what is not made in this process goes through an `encoder`. The new
//! file's [`Deliver`] goes into [`deliverers`].
mod back_channel;
mod call;
mod encoder;
mod exec;
mod homekit;
mod isapi;
mod options;
mod sound;

pub use back_channel::BackChannelOutputs;
pub use exec::ExecOutputs;
pub use homekit::HomekitOutputs;
pub use isapi::IsapiOutputs;

use crate::config::GatewayConfig;
use crate::homekit::HomekitAccess;
use crate::sources::program::Programs;
use encoder::Encoders;
use hub::Deliver;
use std::sync::Arc;

/// Everything that can talk to a device, for the hub. Without `homekit`, URLs of its cameras are checked, and every call fails.
pub fn deliverers(
    config: &GatewayConfig,
    programs: &Programs,
    homekit: Option<HomekitAccess>,
) -> Vec<Arc<dyn Deliver>> {
    let encoders = Encoders::new(config.ffmpeg.clone(), &config.exec, programs.clone());
    vec![
        Arc::new(IsapiOutputs::new(encoders.clone())),
        Arc::new(BackChannelOutputs::new(encoders.clone())),
        Arc::new(HomekitOutputs::new(homekit, encoders.clone())),
        Arc::new(ExecOutputs::new(config.exec.clone(), programs.clone(), encoders)),
    ]
}

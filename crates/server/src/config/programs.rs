//! Settings of child processes: which programs may run as sources, and how they are waited for.
use super::values::{Interval, not_zero};
use garde::Validate;
use gateway::net::child;
use gateway::sources::ffmpeg::FfmpegConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Child processes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct ChildrenSection {
    /// Most at once. A transcoder takes a whole processor.
    #[garde(range(min = 1))]
    pub max: usize,
    /// A program that gives nothing for this long after its start is ended. `#starttimeout=` in a source goes first.
    #[garde(custom(not_zero))]
    pub start_max: Interval,
    /// A program has this long to end after it was told to, then it is killed. `#killtimeout=` in a source goes first. A
    /// source has `limits.source_stop_max` to end as a whole, so more than that has no effect.
    #[garde(custom(not_zero))]
    pub grace: Interval,
    /// Environment variables that programs see besides the usual ones (paths, language, graphics, sound, proxies). A `*`
    /// at the end stands for anything. Others stay here: there are passwords among them.
    pub pass_environment: Vec<String>,
}

impl Default for ChildrenSection {
    fn default() -> Self {
        Self {
            max: child::CHILDREN_MAX,
            start_max: Interval(child::START_MAX),
            grace: Interval(child::TERM_GRACE),
            pass_environment: Vec::new(),
        }
    }
}

impl ChildrenSection {
    /// As the gateway takes them.
    pub fn config(&self) -> child::ChildrenConfig {
        child::ChildrenConfig { children_max: self.max, pass_environment: self.pass_environment.clone() }
    }
}

/// Programs as sources.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ExecSection {
    /// The programs that `exec:` sources, and devices that are programs (`#backchannel=1`), may run, written as there: names or
    /// paths. ffmpeg must be among them to make AAC for intercoms. Left out: ffmpeg alone, by this name and as `ffmpeg.bin`
    /// has it. An empty list: none. Through the API, no `exec:` source can be set at all.
    pub allow_paths: Option<Vec<String>>,
}

/// ffmpeg as a source.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct FfmpegSection {
    /// The program: a name, or a path. It also makes AAC for devices that take nothing else, if `exec.allow_paths` names it.
    pub bin: String,
    /// Arguments before all others.
    pub global: String,
    /// How long ffmpeg waits for a camera, in seconds.
    pub timeout: u32,
    /// Templates by name.
    #[serde(flatten)]
    pub templates: BTreeMap<String, String>,
}

impl Default for FfmpegSection {
    fn default() -> Self {
        let config = FfmpegConfig::default();
        Self { bin: config.bin, global: config.global, timeout: config.timeout_s, templates: BTreeMap::new() }
    }
}

impl FfmpegSection {
    /// As the gateway takes it.
    pub fn config(&self) -> FfmpegConfig {
        FfmpegConfig {
            bin: self.bin.clone(),
            global: self.global.clone(),
            timeout_s: self.timeout,
            templates: self.templates.clone(),
        }
    }
}

//! What of our environment children get to see.
//!
//! Not all of it: passwords for `${NAME}` in the configuration come that way, and a camera script has no business with
//! them. What is named here is what programs need to find their files, their language and their hardware.
use std::ffi::{OsStr, OsString};

/// Names that are passed on.
const NAMES: [&str; 23] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "VIRTUAL_ENV",
];

/// Families of names that are passed on: the loader, languages, graphics and sound.
const PREFIXES: [&str; 18] = [
    "LD_",
    "LC_",
    "XDG_",
    "LIBVA_",
    "VDPAU_",
    "CUDA_",
    "NVIDIA_",
    "ROCR_",
    "MESA_",
    "MFX_",
    "ONEVPL_",
    "GST_",
    "ALSA_",
    "PULSE_",
    "PIPEWIRE_",
    "FONTCONFIG_",
    "PYTHON",
    "DYLD_",
];

/// Those of the variables that a child gets. `further`: more names; one that ends in `*` is a family.
pub(super) fn for_children(
    all: impl Iterator<Item = (OsString, OsString)>,
    further: &[String],
) -> Vec<(OsString, OsString)> {
    all.filter(|(name, _)| is_passed_on(name, further)).collect()
}

fn is_passed_on(name: &OsStr, further: &[String]) -> bool {
    let Some(name) = name.to_str() else { return false };
    let wanted = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || further.iter().any(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_here_and_what_programs_need_goes_on() {
        let passed = |name: &str| is_passed_on(OsStr::new(name), &["CAMERA_*".into(), "MY_VAR".into()]);
        for name in ["PATH", "LC_ALL", "LIBVA_DRIVER_NAME", "https_proxy", "CAMERA_X", "MY_VAR"] {
            assert!(passed(name), "{name}");
        }
        for name in ["AQUEDUCT_PASSWORD", "CREDENTIALS_DIRECTORY", "MY_VAR2", "AWS_SECRET_ACCESS_KEY"] {
            assert!(!passed(name), "{name}");
        }
    }
}

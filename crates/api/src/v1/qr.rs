//! Codes to scan, as pictures.
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Side of the picture in its own units; it is drawn at any size.
const SIDE: u32 = 256;

/// A text as a code to scan.
///
/// # Errors
/// It is too long for one.
pub(crate) fn svg(text: &str) -> Result<String, String> {
    // a quarter of it may be covered: phones read it from screens that mirror
    let code = QrCode::with_error_correction_level(text, EcLevel::Q).map_err(|error| error.to_string())?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(SIDE, SIDE).build())
}

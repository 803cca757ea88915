//! VP9 payload descriptor. Source: RFC 9628 §4.2, scalability structure §4.2.1.
use super::{Detail, Facts, Unreadable, byte};

/// What the descriptor says beyond [`Facts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vp9 {
    /// Picture id of 7 or 15 bits; all spatial layers of a picture share it.
    pub picture_id: Option<u16>,
    /// The picture id has 15 bits.
    pub long_picture_id: bool,
    /// Running index of the base temporal layer's pictures; only without flexible references.
    pub tl0_picture: Option<u8>,
    /// The byte with the layers, which lies between picture id and base layer index.
    pub layers: u8,
    /// References are named by differences of picture ids.
    pub flexible: bool,
    /// The frame is predicted from an earlier picture.
    pub predicted: bool,
    /// The frame is predicted from a lower spatial layer of the same picture.
    pub inter_layer: bool,
    /// No higher spatial layer of this picture is predicted from this frame.
    pub not_for_upper_layers: bool,
    /// The scalability structure, when the packet has one.
    pub structure: Option<Vp9Structure>,
}

/// The spatial layers of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vp9Structure {
    /// How many spatial layers, 1 to 8.
    pub spatial_layers: u8,
    /// Their sizes in pixels, when said.
    pub resolutions: Option<[Resolution; 8]>,
    /// How many pictures the group of pictures has; 0 when it is not described.
    pub pictures: u8,
}

/// Width and height in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resolution {
    /// Width.
    pub width: u16,
    /// Height.
    pub height: u16,
}

/// Reads the descriptor; the picture behind it is not looked at.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Unreadable> {
    let first = byte(payload, 0, "VP9 descriptor")?;
    let flag = |bit: u8| first & bit != 0;
    let mut vp9 = Vp9 {
        predicted: flag(0x40),
        flexible: flag(0x10),
        not_for_upper_layers: flag(0x01),
        ..Vp9::default()
    };
    let mut facts = Facts { starts_frame: flag(0x08), ends_frame: flag(0x04), ..Facts::default() };
    let mut at = 1;
    if flag(0x80) {
        let high = byte(payload, at, "VP9 picture id")?;
        at += 1;
        vp9.picture_id = Some(u16::from(high & 0x7f));
        if high & 0x80 != 0 {
            vp9.picture_id =
                Some(u16::from(high & 0x7f) << 8 | u16::from(byte(payload, at, "VP9 picture id")?));
            vp9.long_picture_id = true;
            at += 1;
        }
    }
    if flag(0x20) {
        vp9.layers = byte(payload, at, "VP9 layers")?;
        at += 1;
        facts.temporal = vp9.layers >> 5;
        facts.switch_up = vp9.layers & 0x10 != 0;
        facts.spatial = vp9.layers >> 1 & 0x07;
        vp9.inter_layer = vp9.layers & 0x01 != 0;
        if !vp9.flexible {
            vp9.tl0_picture = Some(byte(payload, at, "VP9 base layer index")?);
            at += 1;
        }
    }
    if vp9.flexible && vp9.predicted {
        for index in 0..4_u32 {
            if index == 3 {
                return Err(Unreadable::Forbidden { part: "number of VP9 references", value: 4 });
            }
            let reference = byte(payload, at, "VP9 reference")?;
            at += 1;
            if reference & 0x01 == 0 {
                break;
            }
        }
    }
    if flag(0x02) {
        vp9.structure = Some(structure(payload, &mut at)?);
    }
    byte(payload, at, "VP9 frame")?;
    facts.key_frame = !vp9.predicted && !vp9.inter_layer;
    facts.detail = Detail::Vp9(vp9);
    Ok(facts)
}

fn structure(payload: &[u8], at: &mut usize) -> Result<Vp9Structure, Unreadable> {
    let mut next = |part| {
        let value = byte(payload, *at, part);
        *at += 1;
        value
    };
    let head = next("VP9 scalability structure")?;
    let mut structure = Vp9Structure { spatial_layers: (head >> 5) + 1, ..Vp9Structure::default() };
    if head & 0x10 != 0 {
        let mut resolutions = [Resolution::default(); 8];
        for resolution in resolutions.iter_mut().take(usize::from(structure.spatial_layers)) {
            let mut number = || Ok(u16::from_be_bytes([next("VP9 resolution")?, next("VP9 resolution")?]));
            *resolution = Resolution { width: number()?, height: number()? };
        }
        structure.resolutions = Some(resolutions);
    }
    if head & 0x08 != 0 {
        structure.pictures = next("VP9 group of pictures")?;
        for _ in 0..structure.pictures {
            let references = next("VP9 picture of the group")? >> 2 & 0x03;
            for _ in 0..references {
                next("VP9 reference of the group")?;
            }
        }
    }
    Ok(structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picture_with_its_structure_is_read_whole() {
        let payload = [
            0xaa, 0x81, 0x02, 0x32, 0x07, // I L B V, id 258, temporal 1 with switch up, spatial 1
            0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, // two layers with sizes and a group
            0x02, 0x00, 0x24, 0x01, // of two pictures, the second with one reference
            0xff,
        ];
        let facts = read(&payload).unwrap();
        assert!(facts.key_frame && facts.starts_frame && !facts.ends_frame && facts.switch_up);
        assert_eq!((facts.spatial, facts.temporal), (1, 1));
        let Detail::Vp9(vp9) = facts.detail else { panic!("{facts:?}") };
        assert_eq!((vp9.picture_id, vp9.tl0_picture), (Some(258), Some(7)));
        let structure = vp9.structure.unwrap();
        assert_eq!((structure.spatial_layers, structure.pictures), (2, 2));
        assert_eq!(structure.resolutions.unwrap()[1], Resolution { width: 640, height: 360 });
        for length in 0..payload.len() {
            assert!(read(&payload[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn an_upper_layer_of_a_key_picture_is_no_key_frame_by_itself() {
        assert!(!read(&[0x28, 0x03, 0x00, 0xff]).unwrap().key_frame);
        assert!(read(&[0x28, 0x00, 0x00, 0xff]).unwrap().key_frame);
    }

    #[test]
    fn four_references_are_forbidden() {
        let error = read(&[0x58, 0x03, 0x03, 0x03, 0x02, 0xff]).unwrap_err();
        assert_eq!(error, Unreadable::Forbidden { part: "number of VP9 references", value: 4 });
    }
}

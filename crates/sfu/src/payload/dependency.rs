//! Dependency descriptor, the header extension that tells a frame's layers and whom it serves, for any codec.
//!
//! Source: RTP payload format for AV1 1.0, appendix A. Owns the template structure that key frames bring.
use super::{Unreadable, bits::Bits};

/// Most templates: the structure numbers them with six bits.
const TEMPLATES_MAX: usize = 64;
/// Most decode targets: the structure counts them with five bits.
const TARGETS_MAX: usize = 32;
/// Most chains that are kept of a frame: 8. Browsers use one per spatial layer.
pub const CHAINS_MAX: usize = 8;

/// What a frame is to the decode targets; bit `n` is target `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dependency {
    /// The frame's number, which wraps.
    pub frame_number: u16,
    /// The targets that the frame belongs to.
    pub present: u32,
    /// The targets in which no later frame needs this one.
    pub discardable: u32,
    /// The targets that a receiver who can decode this frame may switch to.
    pub switch: u32,
    /// The targets that the sender makes just now.
    pub active: u32,
    /// How many chains there are, at most [`CHAINS_MAX`].
    pub chains: u8,
    /// For each chain how many frames back its last one was; 0 where it begins anew.
    pub chain_distances: [u8; CHAINS_MAX],
    /// Layers of each target: spatial in the upper four bits, temporal in the lower four.
    layers: [u8; TARGETS_MAX],
}

impl Dependency {
    /// Highest spatial and temporal layer of a target.
    pub fn target_layers(&self, target: u8) -> (u8, u8) {
        let layers = self.layers.get(usize::from(target)).copied().unwrap_or(0);
        (layers >> 4, layers & 0x0f)
    }
}

/// What frames of one kind have in common.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    present: u32,
    discardable: u32,
    switch: u32,
    chain_distances: [u8; CHAINS_MAX],
}

impl Template {
    fn note_indication(&mut self, target: u32, indication: u32) {
        let bit = 1 << target;
        self.present |= if indication == 0 { 0 } else { bit };
        self.discardable |= if indication == 1 { bit } else { 0 };
        self.switch |= if indication == 2 { bit } else { 0 };
    }
}

/// The kinds of frames of a stream, and its decode targets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    /// The number of the first template.
    pub template_offset: u8,
    /// Templates, 1 to 64.
    pub templates: Vec<Template>,
    /// How many decode targets there are, 1 to 32.
    pub targets: u8,
    /// How many chains there are, 0 to 32.
    pub chains: u8,
    /// Which chain protects each target; empty without chains.
    pub protected_by: Vec<u8>,
    /// Largest width and height in pixels of each spatial layer; empty when not said.
    pub resolutions: Vec<(u32, u32)>,
    layers: [u8; TARGETS_MAX],
}

/// One packet's descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    /// First packet of its frame.
    pub starts_frame: bool,
    /// Last packet of its frame.
    pub ends_frame: bool,
    /// The packet brought a structure: a key frame.
    pub has_structure: bool,
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// What the frame is to the decode targets.
    pub dependency: Dependency,
}

/// Reads the descriptors of one stream. What it keeps changes only with a descriptor that could be read whole.
#[derive(Debug, Default)]
pub struct DependencyReader {
    structure: Option<Structure>,
    active: u32,
}

impl DependencyReader {
    /// The structure in force.
    pub fn structure(&self) -> Option<&Structure> {
        self.structure.as_ref()
    }

    /// Reads one packet's descriptor. `newest` is false for a late packet, which changes nothing that is kept.
    pub fn read(&mut self, data: &[u8], newest: bool) -> Result<Described, Unreadable> {
        let mut bits = Bits::new(data);
        let starts_frame = bits.flag("start of frame")?;
        let ends_frame = bits.flag("end of frame")?;
        let number = bits.take(6, "template number")? as u8;
        let frame_number = bits.take(16, "frame number")? as u16;
        let (mut new_structure, mut new_active) = (None, None);
        let (mut own_targets, mut own_distances, mut own_chains) = (false, false, false);
        if data.len() > 3 {
            let has_structure = bits.flag("structure flag")?;
            let has_active = bits.flag("active targets flag")?;
            own_targets = bits.flag("own targets flag")?;
            own_distances = bits.flag("own distances flag")?;
            own_chains = bits.flag("own chains flag")?;
            if has_structure {
                let structure = read_structure(&mut bits)?;
                new_active = Some(all(structure.targets));
                new_structure = Some(structure);
            }
            if has_active {
                let targets = new_structure.as_ref().or(self.structure.as_ref()).map(|it| it.targets);
                let targets = targets.ok_or(Unreadable::UnknownTemplate { template: number })?;
                new_active = Some(bits.take(targets.into(), "active targets")?);
            }
        }
        let unknown = Unreadable::UnknownTemplate { template: number };
        let structure = new_structure.as_ref().or(self.structure.as_ref()).ok_or(unknown)?;
        let index = usize::from(number.wrapping_sub(structure.template_offset) & 0x3f);
        let mut frame = structure.templates.get(index).ok_or(unknown)?.clone();
        if own_targets {
            (frame.present, frame.discardable, frame.switch) = (0, 0, 0);
            for target in 0..structure.targets.into() {
                frame.note_indication(target, bits.take(2, "own targets")?);
            }
        }
        if own_distances {
            loop {
                match bits.take(2, "size of a distance")? {
                    0 => break,
                    size => bits.take(4 * size, "distance")?,
                };
            }
        }
        if own_chains {
            for chain in 0..usize::from(structure.chains) {
                let distance = bits.take(8, "own chains")? as u8;
                if let Some(kept) = frame.chain_distances.get_mut(chain) {
                    *kept = distance;
                }
            }
        }
        let described = Described {
            starts_frame,
            ends_frame,
            has_structure: new_structure.is_some(),
            spatial: frame.spatial,
            temporal: frame.temporal,
            dependency: Dependency {
                frame_number,
                present: frame.present,
                discardable: frame.discardable,
                switch: frame.switch,
                active: new_active.unwrap_or(self.active),
                chains: structure.chains.min(CHAINS_MAX as u8),
                chain_distances: frame.chain_distances,
                layers: structure.layers,
            },
        };
        if newest {
            self.active = described.dependency.active;
            if new_structure.is_some() {
                self.structure = new_structure;
            }
        }
        Ok(described)
    }
}

/// A bit for each target.
fn all(targets: u8) -> u32 {
    u32::MAX >> (32 - u32::from(targets.clamp(1, 32)))
}

fn read_structure(bits: &mut Bits<'_>) -> Result<Structure, Unreadable> {
    let template_offset = bits.take(6, "template offset")? as u8;
    let targets = bits.take(5, "number of targets")? + 1;
    let mut structure = Structure { template_offset, targets: targets as u8, ..Structure::default() };
    let (mut spatial, mut temporal) = (0_u8, 0_u8);
    loop {
        if structure.templates.len() == TEMPLATES_MAX {
            return Err(Unreadable::Forbidden {
                part: "number of templates",
                value: TEMPLATES_MAX as u32 + 1,
            });
        }
        structure.templates.push(Template { spatial, temporal, ..Template::default() });
        match bits.take(2, "next layer")? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => break,
        }
        if spatial > 3 || temporal > 7 {
            let value = u32::from(spatial) << 8 | u32::from(temporal);
            return Err(Unreadable::Forbidden { part: "layer of a template", value });
        }
    }
    for template in &mut structure.templates {
        for target in 0..targets {
            template.note_indication(target, bits.take(2, "targets of a template")?);
        }
    }
    for _ in 0..structure.templates.len() {
        while bits.flag("distance flag")? {
            bits.take(4, "distance of a template")?;
        }
    }
    read_chains(bits, &mut structure)?;
    for template in &structure.templates {
        for target in (0..TARGETS_MAX).filter(|target| template.present >> target & 1 == 1) {
            let old = structure.layers[target];
            structure.layers[target] =
                (old >> 4).max(template.spatial) << 4 | (old & 0x0f).max(template.temporal);
        }
    }
    if bits.flag("resolutions flag")? {
        for _ in 0..=spatial {
            let width = bits.take(16, "width")? + 1;
            structure.resolutions.push((width, bits.take(16, "height")? + 1));
        }
    }
    Ok(structure)
}

fn read_chains(bits: &mut Bits<'_>, structure: &mut Structure) -> Result<(), Unreadable> {
    let chains = bits.below(u32::from(structure.targets) + 1, "number of chains")?;
    structure.chains = chains as u8;
    if chains == 0 {
        return Ok(());
    }
    for _ in 0..structure.targets {
        structure.protected_by.push(bits.below(chains, "chain of a target")? as u8);
    }
    for template in &mut structure.templates {
        for chain in 0..chains as usize {
            let distance = bits.take(4, "chain of a template")? as u8;
            if let Some(kept) = template.chain_distances.get_mut(chain) {
                *kept = distance;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes bits, the highest first.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn put(&mut self, value: u32, count: u32) {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        }

        fn bytes(&self) -> Vec<u8> {
            let byte =
                |bits: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
            self.0.chunks(8).map(byte).collect()
        }
    }

    /// The first packet of a key frame of L1T2: two targets, all frames and those of the lower temporal layer.
    /// Templates: 0 key, 1 lower layer, 2 upper layer.
    pub(crate) fn key_frame_of_l1t2(frame_number: u16) -> Vec<u8> {
        let mut bits = Writer::default();
        bits.put(0b11, 2);
        bits.put(0, 6);
        bits.put(frame_number.into(), 16);
        bits.put(0b10000, 5); // a structure follows
        bits.put(0, 6);
        bits.put(1, 5); // two targets
        for next_layer in [0, 1, 3] {
            bits.put(next_layer, 2);
        }
        for indication in [2, 2, 2, 2, 1, 0] {
            bits.put(indication, 2);
        }
        bits.put(0, 1); // the key frame refers to none
        bits.put(0b10_0010, 6); // two back
        bits.put(0b10_0000, 6); // one back
        bits.put(0b10, 2); // one chain, of 0 to 2
        for distance in [0, 2, 1] {
            bits.put(distance, 4);
        }
        bits.put(1, 1);
        bits.put(639, 16);
        bits.put(359, 16);
        bits.bytes()
    }

    /// A packet with template `template` and nothing else.
    pub(crate) fn short(template: u8, frame_number: u16) -> Vec<u8> {
        let [high, low] = frame_number.to_be_bytes();
        vec![0xc0 | template, high, low]
    }

    #[test]
    fn a_key_frame_brings_the_structure_that_later_frames_refer_to() {
        let mut reader = DependencyReader::default();
        assert_eq!(reader.read(&short(1, 6), true), Err(Unreadable::UnknownTemplate { template: 1 }));
        let key = reader.read(&key_frame_of_l1t2(7), true).unwrap();
        assert!(key.has_structure && key.starts_frame && key.ends_frame);
        assert_eq!((key.dependency.frame_number, key.dependency.active), (7, 0b11));
        assert_eq!((key.dependency.present, key.dependency.switch), (0b11, 0b11));
        assert_eq!(key.dependency.target_layers(0), (0, 1));
        assert_eq!(key.dependency.target_layers(1), (0, 0));
        assert_eq!(reader.structure().unwrap().resolutions, [(640, 360)]);
        let upper = reader.read(&short(2, 8), true).unwrap();
        assert_eq!((upper.temporal, upper.dependency.present, upper.dependency.discardable), (1, 0b01, 0b01));
        assert_eq!((upper.dependency.chains, upper.dependency.chain_distances[0]), (1, 1));
        assert_eq!(reader.read(&short(3, 9), true), Err(Unreadable::UnknownTemplate { template: 3 }));
    }

    #[test]
    fn active_targets_hold_until_others_are_said() {
        let mut reader = DependencyReader::default();
        reader.read(&key_frame_of_l1t2(7), true).unwrap();
        let fewer = [0xc1, 0, 8, 0b0100_0100]; // only target 1
        assert_eq!(reader.read(&fewer, true).unwrap().dependency.active, 0b10);
        assert_eq!(reader.read(&short(1, 9), true).unwrap().dependency.active, 0b10);
    }

    #[test]
    fn a_cut_descriptor_changes_nothing() {
        let whole = key_frame_of_l1t2(7);
        for length in 0..whole.len() {
            let mut reader = DependencyReader::default();
            assert!(reader.read(&whole[..length], true).is_err(), "{length}");
            assert!(reader.structure().is_none());
        }
    }
}

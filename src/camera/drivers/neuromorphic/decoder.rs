//! The decoder of any camera.

use super::decoded::Decoded;
use super::evt3::Evt3;
use super::inivation::{Davis346, Dvxplorer};
use super::port::Format;
use crate::image::Size;

/// The decoder of a camera's words.
pub(super) enum Decoder {
    Evt3(Evt3),
    Dvxplorer(Dvxplorer),
    Davis346(Box<Davis346>),
}

impl Decoder {
    pub(super) fn new(format: Format, sensor: Size) -> Self {
        match format {
            Format::Evt3 => Self::Evt3(Evt3::new(sensor)),
            Format::Dvxplorer => Self::Dvxplorer(Dvxplorer::new(sensor)),
            Format::Davis346 { invert_events, frames } => {
                Self::Davis346(Box::new(Davis346::new(sensor, invert_events, frames)))
            }
        }
    }

    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Decoded) {
        out.malformed += u64::from(!bytes.len().is_multiple_of(2));
        match self {
            Self::Evt3(decoder) => decoder.decode(bytes, out),
            Self::Dvxplorer(decoder) => decoder.decode(bytes, out),
            Self::Davis346(decoder) => decoder.decode(bytes, out),
        }
    }
}

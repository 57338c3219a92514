//! The kinds of packets and streams.

/// The content of a packet or a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PacketKind {
    /// Events.
    Events,
    /// A frame.
    Frame,
    /// Edges of external signals.
    Triggers,
    /// Anything else, such as inertial measurements.
    Other,
    /// A packet that cannot be read.
    Damaged,
}

/// The content that the four letters of a stream or packet stand for.
pub(super) fn kind(name: &[u8]) -> PacketKind {
    match name {
        b"EVTS" => PacketKind::Events,
        b"FRME" => PacketKind::Frame,
        b"TRIG" => PacketKind::Triggers,
        _ => PacketKind::Other,
    }
}

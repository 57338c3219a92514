//! AEDAT4, iniVation's recording format: events, frames and triggers in FlatBuffers packets,
//! compressed with LZ4 or Zstandard. A file has several streams, and every packet the number of
//! its stream.
//!
//! Memory is bounded by one packet, of at most 256 MiB unpacked, and the index. All packets that
//! are read between two calls of [`Reader::reset_unpacked_count`] may together unpack to 1 GiB and 1000 times the
//! file's size.

mod flat;
mod flat_writer;
mod frame;
mod index;
mod io_header;
mod kind;
mod live;
mod live_writer;
mod packing;
mod part;
mod reader;
mod streams;

pub use frame::{Aedat4Frame, FrameHead, FrameSource, SampleType, White};
pub use index::{Index, PacketPlace, Peek};
pub use kind::PacketKind;
pub use live::{LivePackets, LiveReadError};
pub use live_writer::{LiveFrameRef, live_events, live_frame, live_header};
pub use part::Part;
pub use reader::{Aedat4Error, Packet, Reader};
pub use streams::StreamInfo;

//! Writes AEDAT4 as a live stream, as DV's network output and dv-processing's `NetworkWriter` do:
//! a header with one stream, then packets. Nothing is compressed.

use super::flat_writer::{Field, table};
use super::frame::FrameSource;
use super::streams::StreamInfo;
use crate::event::Event;
use crate::image::ImageU8;

/// Events per packet: a packet of this many has 1 MiB, far below every reader's limit.
const EVENTS_PER_PACKET: usize = 1 << 16;

/// A frame to write.
#[derive(Clone, Copy, Debug)]
pub struct LiveFrameRef<'a> {
    /// Start of the exposure, in microseconds.
    pub t_us: i64,
    /// Duration of the exposure, in microseconds.
    pub exposure_us: i64,
    /// What made the frame.
    pub source: FrameSource,
    /// The pixels.
    pub picture: &'a ImageU8,
}

/// The header that a client receives first; `None` if it is too large for the format.
pub fn live_header(stream: &StreamInfo) -> Option<Vec<u8>> {
    let info = xml(stream).into_bytes();
    let fields = vec![
        (0, Field::I32(0)),
        // A live stream has no table of packets.
        (1, Field::I64(-1)),
        (2, Field::Vector(info.len(), info)),
    ];
    table(b"IOHE", fields)
}

/// Packets of events, which must be in order of time; empty without events.
pub fn live_events(stream: i32, events: &[Event]) -> Option<Vec<u8>> {
    let mut packets = Vec::new();
    for events in events.chunks(EVENTS_PER_PACKET) {
        let mut bytes = Vec::with_capacity(16 * events.len());
        for event in events {
            bytes.extend(event.t_us.to_le_bytes());
            bytes.extend(event.x.to_le_bytes());
            bytes.extend(event.y.to_le_bytes());
            bytes.extend([u8::from(event.polarity), 0, 0, 0]);
        }
        let content = table(b"EVTS", vec![(0, Field::Vector(events.len(), bytes))])?;
        append(&mut packets, stream, &content)?;
    }
    Some(packets)
}

/// A packet with one frame; `None` if a side has more than 32767 pixels.
pub fn live_frame(stream: i32, frame: &LiveFrameRef<'_>) -> Option<Vec<u8>> {
    let LiveFrameRef { t_us, exposure_us, source, picture } = *frame;
    let side = |pixels: usize| i16::try_from(pixels).ok();
    let (width, height) = (side(picture.size().width)?, side(picture.size().height)?);
    let pixels = interleaved(picture);
    let source = match source {
        FrameSource::Unknown => 0,
        FrameSource::Sensor => 1,
        FrameSource::Computed(number) => number,
    };
    // OpenCV's code: eight bits, then the number of channels less one.
    let format = if picture.channels() == 1 { 0 } else { 2 << 3 };
    let fields = vec![
        (0, Field::I64(t_us)),
        (5, Field::I8(format)),
        (6, Field::I16(width)),
        (7, Field::I16(height)),
        (10, Field::Vector(pixels.len(), pixels)),
        (11, Field::I64(exposure_us)),
        (12, Field::I8(source)),
    ];
    let mut packets = Vec::new();
    append(&mut packets, stream, &table(b"FRME", fields)?)?;
    Some(packets)
}

/// Row by row, the channels of a pixel beside each other in the order blue, green, red.
fn interleaved(picture: &ImageU8) -> Vec<u8> {
    if picture.channels() == 1 {
        return picture.data().to_vec();
    }
    let (blue, green, red) = (picture.plane(0), picture.plane(1), picture.plane(2));
    blue.iter().zip(green).zip(red).flat_map(|((b, g), r)| [*b, *g, *r]).collect()
}

fn append(packets: &mut Vec<u8>, stream: i32, content: &[u8]) -> Option<()> {
    packets.extend(stream.to_le_bytes());
    packets.extend(i32::try_from(content.len()).ok()?.to_le_bytes());
    packets.extend(content);
    Some(())
}

/// The description of a stream, with the names and the order that dv-processing writes.
fn xml(stream: &StreamInfo) -> String {
    let StreamInfo { number, module, output, type_name, camera, size, .. } = stream;
    let mut text = format!(
        "<dv version=\"2.0\">\n<node name=\"outInfo\" path=\"/outInfo/\">\n\
         <node name=\"{number}\" path=\"/outInfo/{number}/\">\n"
    );
    attribute(&mut text, "compression", "string", "NONE");
    attribute(&mut text, "originalModuleName", "string", module);
    attribute(&mut text, "originalOutputName", "string", output);
    attribute(&mut text, "typeIdentifier", "string", type_name);
    text += &format!("<node name=\"info\" path=\"/outInfo/{number}/info/\">\n");
    if let Some(size) = size {
        attribute(&mut text, "sizeX", "int", &size.width.to_string());
        attribute(&mut text, "sizeY", "int", &size.height.to_string());
    }
    attribute(&mut text, "source", "string", camera);
    text + "</node>\n</node>\n</node>\n</dv>\n"
}

fn attribute(text: &mut String, key: &str, kind: &str, value: &str) {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    *text += &format!("<attr key=\"{key}\" type=\"{kind}\">{value}</attr>\n");
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test may fail by panicking"
    )]

    use super::*;
    use crate::formats::aedat4::{LivePackets, PacketKind, Part};
    use crate::image::Size;

    fn info(name: &str, kind: PacketKind) -> StreamInfo {
        StreamInfo {
            type_name: name.into(),
            camera: "a <b> & c".into(),
            module: "m".into(),
            output: "o".into(),
            size: Some(Size::new(5, 3)),
            ..StreamInfo::unlisted(2, kind)
        }
    }

    #[test]
    fn a_stream_is_read_back_as_it_was_written() {
        let events: Vec<Event> = (0..70_000)
            .map(|i| Event { t_us: 10 * i, x: i as u16 % 5, y: 2, polarity: i % 3 == 0 })
            .collect();
        let stream = info("EVTS", PacketKind::Events);
        let mut bytes = live_header(&stream).unwrap();
        bytes.extend(live_events(2, &events).unwrap());
        let mut packets = LivePackets::start(bytes.as_slice()).unwrap();
        assert_eq!(packets.streams(), [stream]);
        let mut read = Vec::new();
        for _ in 0..2 {
            let Part::Events(some) = packets.read_packet().unwrap().unwrap() else { panic!() };
            read.extend(some);
        }
        assert_eq!(read, events);
        assert!(packets.read_packet().is_err(), "there are two packets");
        assert!(live_events(2, &[]).unwrap().is_empty());
    }

    #[test]
    fn frames_are_read_back_with_their_times_and_colours() {
        for (channels, source) in [(1, FrameSource::Sensor), (3, FrameSource::Computed(5))] {
            let data = (0..channels * 15).map(|i| (i * 7) as u8).collect();
            let picture = ImageU8::new(channels, Size::new(5, 3), data).unwrap();
            let frame = LiveFrameRef { t_us: 77, exposure_us: 9, source, picture: &picture };
            let mut bytes = live_header(&info("FRME", PacketKind::Frame)).unwrap();
            bytes.extend(live_frame(2, &frame).unwrap());
            let mut packets = LivePackets::start(bytes.as_slice()).unwrap();
            let Part::Frame(read) = packets.read_packet().unwrap().unwrap() else { panic!() };
            let exposure = Some(crate::time::RangeUs::new(77, 86));
            assert_eq!((read.head.exposure, read.head.source), (exposure, source));
            let white = crate::formats::aedat4::White::EIGHT_BITS;
            assert_eq!(read.picture(white).unwrap(), picture);
        }
        let wide = ImageU8::filled(false, Size::new(40_000, 1), 0);
        let frame =
            LiveFrameRef { t_us: 0, exposure_us: 1, source: FrameSource::Unknown, picture: &wide };
        assert!(live_frame(0, &frame).is_none());
    }

    #[test]
    fn every_number_lies_where_its_type_may_lie() {
        let event = Event { t_us: 1, x: 2, y: 3, polarity: true };
        let packet = live_events(0, &[event]).unwrap();
        let at = packet.windows(8).position(|w| w == 1_i64.to_le_bytes()).unwrap();
        // The stream's number and the size of the packet are before the content.
        assert_eq!((at - 8) % 8, 0, "the event begins at a multiple of eight");
        let size = u32::from_le_bytes(packet[8..12].try_into().unwrap());
        assert_eq!(size as usize, packet.len() - 12);
    }
}

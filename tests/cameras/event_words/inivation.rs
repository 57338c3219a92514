//! The words of iniVation's cameras.

use super::*;

#[test]
fn dvxplorer_groups_edges_and_wraps_are_decoded_and_bad_addresses_counted() {
    let mut writer = InivationWriter::default();
    writer.time(20).two_groups(639, 59, -2, 0b1000_0001).edge(true);
    // Five wraps in one word.
    writer.time(5 * 32_768 + 7).groups(0, 0, 0b10, false).edge(false);
    // A column, a group and the second of two groups that do not exist.
    writer.time(170_000).groups(640, 0, 0b111, true).groups(3, 60, 0b11, true);
    writer.two_groups(3, 2, -5, 0b1).time(170_001);
    let sent = Sent::of_buffers(DVXPLORER, Format::Dvxplorer, &[writer.take()]);
    let expected = [
        event(20, 639, 472, true),
        event(20, 639, 479, true),
        event(20, 639, 456, true),
        event(20, 639, 463, true),
        event(163_847, 0, 1, false),
        event(170_000, 3, 16, true),
    ];
    assert_eq!(sent.events(), expected);
    assert_eq!(sent.edges(), [(20, TriggerEdge::Rising), (163_847, TriggerEdge::Falling)]);
    assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Events), 3 + 2 + 1);
}

#[test]
fn a_reset_clock_and_a_gap_begin_an_epoch_of_inivations_cameras() {
    let mut writer = InivationWriter::default();
    let first = writer.time(900_000).event(1, 2, true).time(901_000).take();
    writer.event(3, 4, true).frame((901_000, 901_010), |_, _| 9);
    let second = writer.reset().time(10).event(5, 6, true).time(20).take();
    let sent = Sent::of_buffers(DAVIS, upright_davis(), &[first, second]);
    let epochs: Vec<u32> = sent.packets.iter().map(|p| p.epoch).collect();
    assert_eq!(epochs, [0, 1]);
    assert_eq!(sent.events(), [event(900_000, 1, 2, true), event(10, 5, 6, true)]);
    assert_eq!(sent.counted(DropCause::Device, DropUnit::Events), 1);
    assert_eq!(sent.counted(DropCause::Device, DropUnit::Frames), 1);
    assert!(sent.frames.is_empty());

    // How often the time wrapped in the gap is unknown.
    let mut writer = InivationWriter::default();
    let first = writer.time(900_000).groups(7, 1, 1, true).time(901_000).take();
    let second = writer.time(905_000).groups(7, 1, 1, true).time(906_000).take();
    let third = writer.time(907_000).take();
    let arrivals = [arrival(first, false, 1), arrival(second, true, 6), arrival(third, false, 7)];
    let sent = Sent::of(DVXPLORER, &with_gap(Model::Dvxplorer, Format::Dvxplorer, arrivals));
    assert!(sent.packets.windows(2).any(|pair| pair[1].epoch == pair[0].epoch + 1));
    assert_eq!(sent.counted(DropCause::Queue, DropUnit::Gaps), 1);
}

#[test]
fn davis_frames_have_their_exposure_and_every_pixel_in_its_place() {
    let value = |column: usize, row: usize| ((column * 3 + row * 7) % 200) as u16;
    for flip in [false, true] {
        let frames = Orientation { flip_x: flip, flip_y: flip, invert_xy: false };
        let format = Format::Davis346 { invert_events: false, frames };
        let mut writer = InivationWriter::default();
        let first = writer.time(50_000).event(345, 259, false).time(50_100).take();
        writer.frame((60_000, 64_000), value).event(346, 0, true).event(0, 260, true);
        // The end of its exposure was lost: it cannot be used.
        let second = writer.frame_without_end(66_000).time(67_000).take();
        let sent = Sent::of_buffers(DAVIS, format, &[first, second]);
        assert_eq!(sent.events(), [event(50_000, 345, 259, false)]);
        assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Events), 2);
        assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Frames), 1);
        let [frame] = &sent.frames[..] else { panic!("{} frames", sent.frames.len()) };
        let FrameTiming::Events { start, end } = frame.timing else { panic!("{:?}", frame.timing) };
        assert_eq!((start.us(), end.us()), (60_000, 64_000));
        assert_eq!((frame.picture.size(), frame.picture.channels()), (Size::new(346, 260), 1));
        for (i, pixel) in frame.picture.data().iter().enumerate() {
            let (x, y) = (i % 346, i / 346);
            let (column, row) = if flip { (345 - x, 259 - y) } else { (x, y) };
            assert_eq!(u16::from(*pixel), value(column, row), "{x},{y}");
        }
    }
    // A chip that is read by columns of the picture.
    let frames = Orientation { invert_xy: true, ..Orientation::default() };
    let format = Format::Davis346 { invert_events: true, frames };
    let mut writer = InivationWriter::default();
    let sent = writer.time(10).event(200, 300, true).event(260, 0, true).time(20).take();
    let sent = Sent::of_buffers(DAVIS, format, &[sent]);
    assert_eq!(sent.events(), [event(10, 300, 200, true)]);
    assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Events), 1);
}

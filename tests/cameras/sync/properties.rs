//! Random streams of frames and events, compared with the simple model.

use super::*;

#[derive(Clone, Debug)]
enum Push {
    Events(i64, i64),
    Frame(u64, i64, i64),
}

/// A perturbed stream. Items may be lost, duplicated, delayed or early.
fn stream() -> impl Strategy<Value = Vec<Push>> {
    let packets = prop::collection::vec((1_i64..120, 0_u8..10, 0_i64..400), 1..60);
    let frames = prop::collection::vec((1_i64..90, 1_i64..200, 0_u8..10, 0_i64..500), 1..20);
    (packets, frames).prop_map(|(packets, frames)| {
        let mut timed: Vec<(i64, Push)> = Vec::new();
        let mut now = 0;
        for (length, fate, delay) in packets {
            let push = Push::Events(now, now + length);
            now += length;
            match fate {
                0 => {}
                1 => timed.extend([(now, push.clone()), (now + delay, push)]),
                2 => timed.push((now + delay, push)),
                // Overlaps its neighbour.
                3 => timed.push((now, Push::Events(now - length, now + delay / 10))),
                _ => timed.push((now, push)),
            }
        }
        let mut now = 0;
        for (i, (gap, length, fate, delay)) in frames.into_iter().enumerate() {
            let (start, end) = (now + gap, now + gap + length);
            now = end;
            let push = Push::Frame(i as u64, start, end);
            match fate {
                0 => {}
                1 => timed.extend([(end, push.clone()), (end + delay, push)]),
                2 => timed.push((end + delay, push)),
                // Arrives before its own events.
                3 => timed.push((start, push)),
                _ => timed.push((end, push)),
            }
        }
        timed.sort_by_key(|(t, _)| *t);
        timed.into_iter().map(|(_, push)| push).collect()
    })
}

/// The content of an output exposure as plain numbers.
#[derive(Debug, PartialEq)]
struct Output {
    sequence: u64,
    start: i64,
    from: i64,
    missing: Vec<(i64, i64)>,
    events: Vec<(i64, bool)>,
}

impl Output {
    fn shifted(&self, us: i64) -> Self {
        Self {
            sequence: self.sequence,
            start: self.start + us,
            from: self.from + us,
            missing: self.missing.iter().map(|(a, b)| (a + us, b + us)).collect(),
            events: self.events.iter().map(|(t, on)| (t + us, *on)).collect(),
        }
    }
}

/// Feeds a stream into a buffer. `clock` maps each time, in the order of arrival.
fn play(pushes: &[Push], mut clock: impl FnMut(i64) -> i64) -> Vec<Output> {
    let mut buffer = SyncBuffer::new(settings(), Drops::default());
    let mut all = Vec::new();
    for push in pushes {
        match push {
            Push::Events(from_us, until_us) => {
                let mut packet = packet(0, *from_us, *until_us);
                let moved = clock(*from_us) - from_us;
                (packet.from, packet.until) = (at(from_us + moved), at(until_us + moved));
                packet.events.iter_mut().for_each(|e| e.t_us += moved);
                buffer.push_events(packet);
            }
            Push::Frame(sequence, start, end) => {
                let moved = clock(*start) - start;
                buffer.push_frame(frame(0, *sequence, start + moved, end + moved));
            }
        }
        all.extend(std::iter::from_fn(|| buffer.pop(host(0))));
    }
    all.extend(buffer.finish());
    let output = |s: SyncedExposure| Output {
        sequence: s.frame.sequence,
        start: s.frame.start.us(),
        from: s.from.us(),
        missing: s.missing.iter().map(|g| (g.from_us, g.until_us)).collect(),
        events: s.events.iter().map(|e| (e.t_us, e.polarity)).collect(),
    };
    all.into_iter().map(output).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn each_frame_is_output_once_in_order_with_its_available_events(pushes in stream()) {
        let drops = Drops::default();
        let mut buffer = SyncBuffer::new(settings(), drops.clone());
        let mut received: Vec<RangeUs> = Vec::new();
        let mut out: Vec<SyncedExposure> = Vec::new();
        let (mut frames_in, mut until) = (0_u64, i64::MIN);
        for push in pushes {
            match push {
                Push::Events(from_us, until_us) => {
                    received.push(RangeUs { from_us, until_us });
                    until = until.max(until_us);
                    buffer.push_events(packet(0, from_us, until_us));
                }
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(0, sequence, start, end));
                }
            }
            while let Some(synced) = buffer.pop(host(0)) {
                check(&synced, &received);
                // No incomplete exposure is output before the timeout.
                prop_assert!(until >= synced.frame.end.us());
                prop_assert!(synced.missing.is_empty() || until >= synced.frame.end.us() + 300);
                out.push(synced);
            }
        }
        for synced in buffer.finish() {
            check(&synced, &received);
            out.push(synced);
        }
        prop_assert!(out.windows(2).all(|w| w[0].frame.start < w[1].frame.start));
        prop_assert!(out.iter().enumerate().all(|(i, s)| s.index == i as u64));
        prop_assert_eq!(out.len() as u64 + drops.total(DropUnit::Frames), frames_in);
        prop_assert_eq!(drops.get(DropCause::Buffer, DropUnit::Events), 0);
    }

    #[test]
    fn counter_wraps_do_not_change_the_output(
        pushes in stream(),
        origin in 0_i64..1_000_000,
    ) {
        // A counter of twelve bits wraps every 4 ms, so every stream contains several wraps.
        let (bits, turn) = (12, 1_i64 << 12);
        let (plain, wrapped) = (play(&pushes, |t| t), {
            let mut counter = CounterUnwrap::new(bits);
            play(&pushes, |t| counter.unwrap((t + origin).rem_euclid(turn) as u64))
        });
        prop_assert_eq!(plain.len(), wrapped.len());
        let shift = plain.first().zip(wrapped.first()).map_or(0, |(a, b)| b.start - a.start);
        for (a, b) in plain.iter().zip(&wrapped) {
            prop_assert_eq!(&a.shifted(shift), b);
        }
    }

    #[test]
    fn epochs_are_not_mixed_up_after_clock_resets(
        streams in prop::collection::vec(stream(), 2..4),
        early in 0_usize..6,
    ) {
        // Each stream has its own clock. The first frames of a stream may arrive before the
        // last packets of the previous one.
        let mut all: Vec<(u32, Push)> = Vec::new();
        for (epoch, stream) in streams.into_iter().enumerate() {
            let at = all.len().saturating_sub(early);
            let ahead = stream.iter().take_while(|p| matches!(p, Push::Frame(..))).count();
            let (first, rest) = stream.split_at(ahead);
            let with_epoch = |p: &Push| (epoch as u32, p.clone());
            all.splice(at..at, first.iter().map(with_epoch));
            all.extend(rest.iter().map(with_epoch));
        }
        let drops = Drops::default();
        let mut buffer = SyncBuffer::new(settings(), drops.clone());
        let mut received: Vec<Vec<RangeUs>> = vec![Vec::new(); 4];
        let (mut frames_in, mut now, mut out) = (0_u64, 0, Vec::<SyncedExposure>::new());
        for (epoch, push) in all {
            match push {
                Push::Events(from_us, until_us) => {
                    // Packets from an earlier epoch are late.
                    if epoch >= now {
                        now = epoch;
                        received[epoch as usize].push(RangeUs { from_us, until_us });
                    }
                    buffer.push_events(packet(epoch, from_us, until_us));
                }
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(epoch, sequence, start, end));
                }
            }
            while let Some(synced) = buffer.pop(host(0)) {
                check(&synced, &received[synced.frame.epoch as usize]);
                out.push(synced);
            }
        }
        for synced in buffer.finish() {
            check(&synced, &received[synced.frame.epoch as usize]);
            out.push(synced);
        }
        let order = |s: &SyncedExposure| (s.frame.epoch, s.frame.start.us());
        prop_assert!(out.windows(2).all(|w| order(&w[0]) < order(&w[1])));
        prop_assert_eq!(out.len() as u64 + drops.total(DropUnit::Frames), frames_in);
    }

    #[test]
    fn memory_is_bounded_whether_exposures_are_popped_or_not(
        pushes in stream(),
        max_events in 1_usize..40,
        max_frames in 1_usize..4,
        popped in any::<bool>(),
    ) {
        let drops = Drops::default();
        let limits = SyncSettings { max_events, max_frames, ..settings() };
        let mut buffer = SyncBuffer::new(limits, drops.clone());
        let (mut frames_in, mut out) = (0_u64, 0_u64);
        for push in pushes {
            match push {
                Push::Events(from_us, until_us) => buffer.push_events(packet(0, from_us, until_us)),
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(0, sequence, start, end));
                }
            }
            while popped && buffer.pop(host(0)).is_some() {
                out += 1;
            }
            let stats = buffer.stats();
            prop_assert!(stats.held_events <= max_events, "{stats:?}");
            let max_held = if popped { max_frames } else { 2 * max_frames };
            prop_assert!(stats.held_frames <= max_held, "{stats:?}");
            // At any time, each frame is either output, dropped or held.
            let accounted = out + drops.total(DropUnit::Frames) + stats.held_frames as u64;
            prop_assert_eq!(accounted, frames_in);
        }
    }

    #[test]
    fn wrapped_and_slightly_late_readings_are_unwrapped(
        start in 0_i64..(1_i64 << 33),
        steps in prop::collection::vec(-1000_i64..1_000_000_000, 1..50),
    ) {
        let mut unwrap = CounterUnwrap::new(32);
        let (mut t, turn) = (start, 1_i64 << 32);
        let first = unwrap.unwrap(t.rem_euclid(turn) as u64);
        prop_assert_eq!(first, t.rem_euclid(turn));
        for step in steps {
            t += step;
            prop_assert_eq!(unwrap.unwrap(t.rem_euclid(turn) as u64) - first, t - start);
        }
    }

    #[test]
    fn a_clock_map_and_its_inverse_agree(
        from in -1e12_f64..1e12,
        to in -1e12_f64..1e12,
        ppm in -500_f64..500.0,
        t in -1_000_000_000_i64..1_000_000_000,
    ) {
        let map = ClockMap::<FrameClock, HostClock>::new(from, to, ppm).unwrap();
        let t = Timestamp::from_us(from as i64 + t);
        prop_assert!((map.inverse().map(map.map(t)).since_us(t)).abs() <= 1);
        prop_assert!((map.then(&map.inverse()).map(t).since_us(t)).abs() <= 1);
    }
}

//! The filters against simple models, on random events.

use super::*;

proptest! {
    #[test]
    fn the_refractory_filter_matches_a_search_through_the_past(
        events in events(), period_us in 1..200_i64, size in 1..50_usize,
    ) {
        let mut kept: Vec<Event> = Vec::new();
        for e in &events {
            let same = kept.iter().rev().find(|k| (k.x, k.y) == (e.x, e.y));
            if !inside(e) || same.is_none_or(|k| e.t_us - k.t_us >= period_us) {
                kept.push(*e);
            }
        }
        let mut filter = Refractory::default();
        let settings = RefractorySettings { period_us };
        let got = in_packets(&events, size, |p| filter.apply(settings, SENSOR, 0, p));
        prop_assert_eq!(got, kept);
    }

    #[test]
    fn the_activity_filter_matches_a_search_through_the_past(
        events in events(), window_us in 1..200_i64, support in 1..4_u8, size in 1..50_usize,
    ) {
        let supported = |i: usize| {
            let e = &events[i];
            let mut neighbours = std::collections::BTreeSet::new();
            for past in events[..i].iter().filter(|p| inside(p)) {
                let (dx, dy) = (past.x.abs_diff(e.x), past.y.abs_diff(e.y));
                if dx.max(dy) == 1 && e.t_us - past.t_us <= window_us {
                    neighbours.insert((past.x, past.y));
                }
            }
            neighbours.len() >= support.into()
        };
        let kept: Vec<Event> = (0..events.len())
            .filter(|i| !inside(&events[*i]) || supported(*i))
            .map(|i| events[i])
            .collect();
        let mut filter = Activity::default();
        let settings = ActivitySettings { window_us, support };
        let got = in_packets(&events, size, |p| filter.apply(settings, SENSOR, 0, p));
        prop_assert_eq!(got, kept);
    }

    #[test]
    fn hot_pixel_detection_matches_a_count_per_window(
        events in events(), window_us in 50..400_i64, factor in 2.0..6.0_f64, size in 1..50_usize,
    ) {
        let settings = HotSettings { rate_hz: 15_000.0, factor, window_us, least: 2 };
        let mut kept = Vec::new();
        let (mut counts, mut scores, mut hot) =
            ([[0_u32; 9]; 7], [[0_u8; 9]; 7], [[false; 9]; 7]);
        let mut began = None;
        for e in &events {
            let (x, y) = (usize::from(e.x) + 1, usize::from(e.y) + 1);
            if !inside(e) {
                kept.push(*e);
                continue;
            }
            let start = *began.get_or_insert(e.t_us);
            if e.t_us - start >= window_us {
                let least = (15_000.0 * (e.t_us - start) as f64 / 1e6).max(2.0);
                for y in 1..=SENSOR.height {
                    for x in 1..=SENSOR.width {
                        let mut around: Vec<u32> = (0..9)
                            .filter(|i| *i != 4)
                            .map(|i| counts[y + i / 3 - 1][x + i % 3 - 1])
                            .collect();
                        around.sort_unstable();
                        let median = f64::from(around[3] + around[4]) / 2.0;
                        let count = f64::from(counts[y][x]);
                        let score = &mut scores[y][x];
                        *score = if count >= least && count > factor * median {
                            (*score + 1).min(4)
                        } else {
                            score.saturating_sub(1)
                        };
                        if *score >= 2 {
                            hot[y][x] = true;
                        } else if *score == 0 {
                            hot[y][x] = false;
                        }
                    }
                }
                counts = [[0; 9]; 7];
                began = Some(e.t_us);
            }
            counts[y][x] += 1;
            if !hot[y][x] {
                kept.push(*e);
            }
        }
        let mut filter = HotPixels::default();
        let got = in_packets(&events, size, |p| filter.apply(settings, SENSOR, 0, p));
        prop_assert_eq!(got, kept);
        let listed = filter.list().len();
        prop_assert_eq!(listed, hot.iter().flatten().filter(|hot| **hot).count());
    }
}

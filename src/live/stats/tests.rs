use super::*;

#[test]
fn gaps_in_the_sequence_numbers_count_as_source_drops() {
    let stats = Stats::default();
    [3, 4, 7, 8].into_iter().for_each(|n| stats.captured(n, 1e6));
    let now = stats.snapshot();
    assert_eq!((now.captured, now.drops.source, now.drops.total()), (4, 2, 2));
    assert_eq!(stats.event_rates().len(), 4);
}

#[test]
fn frames_with_a_known_cause_are_not_counted_twice() {
    let lost = |cause, unit, count| DropSnapshot { cause, unit, count };
    let all = [
        lost(DropCause::Usb, DropUnit::Frames, 2),
        lost(DropCause::Usb, DropUnit::Events, 1000),
        lost(DropCause::Duplicate, DropUnit::Frames, 100),
        lost(DropCause::Disk, DropUnit::Frames, 100),
    ];
    let drops = Drops { source: 5, engine: 1, ..Drops::default() };
    assert_eq!(drops.unexplained(&all), Drops { source: 3, ..drops });
    let fewer = Drops { source: 1, ..drops };
    assert_eq!(fewer.unexplained(&all), Drops { source: 0, ..drops });
    assert_eq!(drops.unexplained(&[]), drops);
}

#[test]
fn times_are_summarised_as_percentiles_and_can_be_reset() {
    let stats = Stats::default();
    assert_eq!(stats.snapshot().restore, Times::default());
    (1..=100).for_each(|ms| stats.restored(Duration::from_millis(ms)));
    let Times { p50_ms, p95_ms, max_ms } = stats.snapshot().restore;
    assert!((p50_ms - 50.0).abs() < 0.1 && (p95_ms - 95.0).abs() < 0.1, "{p50_ms} {p95_ms}");
    assert!((max_ms - 100.0).abs() < 0.1, "{max_ms}");
    stats.restored(Duration::from_secs(10_000));
    assert!((stats.snapshot().restore.max_ms - 60_000.0).abs() < 60.0, "the maximum is capped");
    stats.restart_times();
    assert_eq!(stats.snapshot().restore, Times::default());
    assert_eq!(stats.snapshot().restored, 101);
}

#[test]
fn memory_is_bounded_when_snapshots_are_never_taken() {
    let stats = Stats::default();
    let now = Instant::now();
    let old = now.checked_sub(Duration::from_secs(3)).unwrap();
    stats.with(|s| (s.arrivals, s.shows) = (vec![old; 50].into(), vec![old; 50].into()));
    let lengths = || stats.with(|s| (s.arrivals.len(), s.shows.len()));
    stats.captured(0, 1e6);
    stats.shown(now, now);
    assert_eq!(lengths(), (3, 3), "time points too old for a rate are removed");
    for number in 1..3 * MAX_TIME_POINTS as u64 {
        stats.captured(number, 1e6);
        stats.shown(now, now);
    }
    assert!(lengths().0 <= MAX_TIME_POINTS && lengths().1 <= MAX_TIME_POINTS, "{:?}", lengths());
}

#[test]
fn rare_events_have_a_rate_and_old_events_have_none() {
    let ago = |s: f64| Instant::now().checked_sub(Duration::from_secs_f64(s)).unwrap();
    let mut rare = VecDeque::from([ago(6.0), ago(3.5), ago(1.0)]);
    assert!((rate(&mut rare) - 0.4).abs() < 0.01, "one every 2.5 s");
    let mut frequent: VecDeque<Instant> = (0..40).rev().map(|i| ago(f64::from(i) * 0.1)).collect();
    assert!((rate(&mut frequent) - 10.0).abs() < 0.3, "{}", rate(&mut frequent));
    assert!(frequent.len() < 25, "old time points are removed");
    let mut expired = VecDeque::from([ago(13.0), ago(11.0)]);
    assert_eq!(rate(&mut expired), 0.0);
}

use super::*;

#[test]
fn the_engine_name_is_shortened() {
    let long = "the processor, 2 threads, Avx512 (there is no CUDA device 0)";
    assert_eq!(engine(long), "Processor, 2 threads, Avx512");
    assert_eq!(engine("NVIDIA H100"), "NVIDIA H100");
}

#[test]
fn the_confidence_is_described_with_its_source_and_uncertainty() {
    let with = |u| Contrast {
        source: ContrastSource::Estimated,
        uncertainty: Some(u),
        ..Contrast::default()
    };
    assert_eq!(confidence(&Contrast::default()), "default: not estimated yet");
    assert_eq!(
        [0.03, 0.1, 0.4].map(|u| confidence(&with(u))),
        ["high: +-3 %", "medium: +-10 %", "low: +-40 %"]
    );
}

#[test]
fn missing_frames_and_a_full_disk_are_reported_with_the_result() {
    let folder = Path::new("/r/x-001");
    let good = Progress { pairs: 30, exposures: 60, ..Progress::default() };
    let text = "Recorded 30 pairs in /r/x-001".to_owned();
    assert_eq!(recording(&good, folder), (ToastKind::Success, text));
    let (kind, text) = recording(&Progress { lost: 4, ..good.clone() }, folder);
    assert!(kind == ToastKind::Error && text.contains("4 frames missing"), "{text}");
    let full = Progress { ending: Some(StopReason::DiskFull), ..good };
    assert!(recording(&full, folder).1.contains("disk is full"));
    assert_eq!(recording(&Progress::default(), folder).0, ToastKind::Error);
}

#[test]
fn lost_pulses_and_arrival_times_are_warnings() {
    let warns = |state: &SyncState| synchronisation(state).iter().any(|f| f.is_warning);
    assert!(warns(&SyncState::Held { silent_s: 3.0, drift_ppm: 1.0 }));
    assert!(warns(&SyncState::Arrival { residual_us: 300.0, drift_ppm: 1.0 }));
    assert!(!warns(&SyncState::OneClock));
}

//! A card that fails: at any call, in any way: reported once, and the processor takes over.

use crate::scene::{EXPOSURE, Scene, weights};
use crate::stand_in::on_stand_in;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::engine::{Choice, Engine, EngineError, Image, Restored, select};
use gem_live::image::Size;
use gem_live::network::Weights;
use gem_live::time::TimeRange;
use std::sync::{Arc, Mutex};

#[test]
fn failures_while_loading_launching_and_waiting_are_survived() {
    let failures = [
        "cuMemAlloc_v2:150:2",       // while a plan is made
        "cuGraphLaunch:5:719",       // in the middle of an exposure
        "cuEventSynchronize:21:719", // the card is lost while the host waits
    ];
    for failure in failures {
        on_stand_in("failures::case_failure", &[("CUDA_STANDIN_FAIL", failure)]);
    }
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_every_kind_of_failure_is_survived() {
    let failures = [
        "cuMemAlloc_v2:5:2",   // while weights are uploaded
        "cuGraphLaunch:1:719", // the first launch
        "cuMemcpyHtoDAsync_v2:131:999",
        "cuMemcpyHtoDAsync_v2:140:719",
        "cuEventRecord:3:719",
        "cuStreamWaitEvent:2:700",
        "cuMemsetD8Async:1:2",  // while a graph is captured
        "cuLaunchKernel:1:701", // likewise, and the card is lost
        "cuMemcpyDtoHAsync_v2:2:719",
        "cuModuleLoadData:1:222", // PTX that the driver does not understand
        "cuInit:1:100",
    ];
    for failure in failures {
        on_stand_in("failures::case_failure", &[("CUDA_STANDIN_FAIL", failure)]);
    }
    // Without graphs every launch is the host's own.
    for k in ["1", "7", "40"] {
        let failure = format!("cuLaunchKernel:{k}:719");
        let variables = [("CUDA_STANDIN_FAIL", failure.as_str()), ("CUDA_STANDIN_GRAPHS", "0")];
        on_stand_in("failures::case_failure", &variables);
    }
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_a_failure_at_any_use_of_any_call_is_an_error_and_gives_all_memory_back() {
    // Out of memory where memory is asked for, otherwise an unknown error of a card that lives.
    for (call, code) in [
        ("cuMemAlloc_v2", 2),
        ("cuMemHostAlloc", 2),
        ("cuMemcpyHtoDAsync_v2", 999),
        ("cuMemcpyDtoHAsync_v2", 999),
        ("cuModuleGetFunction", 500),
        ("cuStreamCreate", 2),
        ("cuEventCreate", 2),
        ("cuEventRecord", 999),
        ("cuStreamWaitEvent", 999),
        ("cuGraphLaunch", 999),
    ] {
        let failure = format!("{call}:next:{code}");
        let messages = on_stand_in("failures::case_every", &[("CUDA_STANDIN_FAIL", &failure)]);
        let least = match call {
            "cuMemAlloc_v2" => 150, // weights, then maps
            "cuMemcpyHtoDAsync_v2" => 100,
            "cuModuleGetFunction" => 30,
            "cuStreamCreate" => 4,
            "cuMemcpyDtoHAsync_v2" => 2,
            _ => 5,
        };
        let Some(messages) = messages else { return };
        let failed = messages.lines().find_map(|l| l.strip_suffix(" failures"));
        let failed: usize = failed.and_then(|n| n.parse().ok()).unwrap_or_default();
        assert!(failed >= least, "{call}: only {failed} uses failed");
    }
}

const INSTANTS: [f64; 3] = [0.1, 0.5, 0.9];

fn scene() -> Scene {
    Scene::new(Size::new(16, 16), Size::new(16, 16), Size::new(16, 16))
}

fn targets() -> [TimeRange; 3] {
    INSTANTS.map(|f| TimeRange::instant(EXPOSURE.at(f)))
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_failure() {
    let weights = weights(3);
    let messages = Arc::new(Mutex::new(Vec::new()));
    let notice = Arc::clone(&messages);
    let notice = Box::new(move |line: &str| notice.lock().unwrap().push(line.to_owned()));
    let mut selected = select(&weights, Choice::Auto, None, 0, notice).unwrap();
    println!("chosen: {}", selected.reason);
    let scene = scene();
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    let want = scene.restore(&mut cpu, &targets());
    for _ in 0..2 {
        let got = scene.restore(selected.engine.as_mut(), &targets());
        for (g, w) in got.iter().zip(&want) {
            assert!(g.latent == w.latent, "not the processor's numbers");
        }
        assert_eq!(got.len(), 3);
    }
    let messages = messages.lock().unwrap();
    println!("messages: {messages:?}");
    // Either the card was not taken in the first place, or its failure was reported once.
    let on_cpu = selected.reason.starts_with("the CPU");
    assert_eq!(messages.len(), usize::from(!on_cpu));
}

/// An engine from nothing to a result in either slot.
fn attempt(weights: &Weights, scene: &Scene) -> Result<Vec<Restored>, EngineError> {
    let card = devices().unwrap().remove(0);
    assert_eq!(card.free_bytes, Some(card.total_bytes), "memory was not freed");
    let mut cuda = CudaEngine::new(weights, &card, Precision::Half)?;
    let image = Image { data: &scene.blur, height: 16, width: 16 };
    cuda.restore_events(&image, &scene.events(&targets()[..2]))
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_every() {
    let (weights, scene) = (weights(3), scene());
    let mut failures = 0;
    let restored = loop {
        match attempt(&weights, &scene) {
            Ok(restored) => break restored,
            Err(EngineError::Device(text)) => {
                assert!(text.starts_with("CUDA device 0 (stand-in)"), "{text}");
                failures += 1;
            }
            Err(other) => panic!("{other}"),
        }
    };
    println!("{failures} failures");
    assert!(restored.iter().all(|r| r.latent.iter().all(|v| v.is_finite())));
    assert_eq!(restored.len(), 2);
}

//! The CPU engine and the readable network against golden results: those of an independent
//! implementation in `tests/golden`, and PyTorch's own beside the repository.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::common::{GoldenPass, golden_passes, hashed_weights, shared};
use gem_live::engine::cpu::{CpuEngine, Isa};
use gem_live::engine::{Engine, EventTensor, Image, Restored};
use gem_live::network::{Chw, ReferenceOutput, Weights, reference};

fn tensor(file: &safetensors::SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let data = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (view.shape().to_vec(), data)
}

fn largest_difference(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn run(engine: &mut dyn Engine, pass: &GoldenPass) -> Restored {
    let image = Image { data: &pass.blur, height: pass.image[0], width: pass.image[1] };
    let event_tensors =
        [EventTensor { data: &pass.events, height: pass.event[0], width: pass.event[1] }];
    engine.restore(&image, &event_tensors).unwrap().remove(0)
}

#[test]
fn every_isa_and_thread_count_gives_the_golden_results() {
    let weights = hashed_weights();
    for isa in Isa::available() {
        for (name, pass) in golden_passes() {
            let of_threads = |threads| {
                let mut engine = CpuEngine::with_isa(&weights, threads, isa).unwrap();
                assert_eq!(engine.isa(), isa);
                run(&mut engine, &pass)
            };
            let one = of_threads(1);
            if name == "half" {
                let three = of_threads(3);
                assert!(one.latent == three.latent, "{isa:?}: three threads change the result");
            }
            for (what, got, want) in
                [("latent", &one.latent, &pass.latent), ("ratio", &one.ratio, &pass.ratio)]
            {
                let worst = largest_difference(got, want);
                println!("{name}, {isa:?}: {what} is off by {worst:e}");
                assert!(worst < 1e-5, "{name}, {isa:?}: {what} is off by {worst}");
            }
        }
    }
}

#[test]
fn the_readable_network_gives_the_golden_results() {
    let weights = hashed_weights();
    let chw = |c: usize, size: [usize; 2], data: &[f32]| Chw {
        c,
        h: size[0],
        w: size[1],
        data: data.iter().map(|v| f64::from(*v)).collect(),
    };
    // The other passes take this network, which is made to be read, too long.
    let (_, pass) = golden_passes().find(|(name, _)| *name == "half").unwrap();
    let (events, blur) = (chw(96, pass.event, &pass.events), chw(3, pass.image, &pass.blur));
    let ReferenceOutput { latent, ratio } = reference(&weights, &events, &blur);
    for (got, want) in [(latent, &pass.latent), (ratio, &pass.ratio)] {
        let got: Vec<f32> = got.data.iter().map(|v| *v as f32).collect();
        let worst = largest_difference(&got, want);
        assert!(worst < 1e-6, "off by {worst}");
    }
}

#[test]
#[ignore = "needs ../shared/golden: PyTorch's results and its checkpoint, 20 MB"]
fn shared_forward_passes_equal_pytorch() {
    let read = |name: String| std::fs::read(shared(&name)).unwrap();
    let weights = Weights::from_bytes(&read("golden/san.ckpt".into())).unwrap();
    let mut engine = CpuEngine::new(&weights, 0).unwrap();
    for k in 0..4 {
        let golden = read(format!("golden/forward_{k}.safetensors"));
        let file = safetensors::SafeTensors::deserialize(&golden).unwrap();
        let ((es, event), (bs, blur)) = (tensor(&file, "event"), tensor(&file, "blur"));
        let image = Image { data: &blur, height: bs[2], width: bs[3] };
        let event_tensors = [EventTensor { data: &event, height: es[2], width: es[3] }];
        let restored = engine.restore(&image, &event_tensors).unwrap().remove(0);
        for (name, got) in [("latent", &restored.latent), ("ratio", &restored.ratio)] {
            let (_, want) = tensor(&file, name);
            let worst = largest_difference(got, &want);
            println!("forward_{k} {bs:?} {es:?}: {name} is off by {worst:e}");
            assert!(worst < 1e-4, "forward_{k}: {name} is off by {worst}");
        }
    }
}

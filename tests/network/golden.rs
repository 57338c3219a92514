//! The CPU engine against PyTorch's results, where the golden files are available.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::engine::cpu::{CpuEngine, Isa};
use gem_live::engine::{Engine, EventTensor, Image};
use gem_live::network::Weights;
use std::path::PathBuf;

fn shared(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {name} is missing");
    }
    bytes
}

fn tensor(file: &safetensors::SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let data = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (view.shape().to_vec(), data)
}

#[test]
fn results_agree_for_every_isa_and_thread_count() {
    let Some(bytes) = shared("weights/first.safetensors") else { return };
    let Some(golden) = shared("golden/forward_0.safetensors") else { return };
    let weights = Weights::from_safetensors(&bytes).unwrap();
    let file = safetensors::SafeTensors::deserialize(&golden).unwrap();
    let ((es, event), (bs, blur)) = (tensor(&file, "event"), tensor(&file, "blur"));
    let image = Image { data: &blur, height: bs[2], width: bs[3] };
    let voxels = [EventTensor { data: &event, height: es[2], width: es[3] }];
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::available() {
        let run = |threads| {
            let mut engine = CpuEngine::with_isa(&weights, threads, isa).unwrap();
            assert_eq!(engine.isa(), isa);
            engine.restore(&image, &voxels).unwrap().remove(0).latent
        };
        let (one, three) = (run(1), run(3));
        assert!(one == three, "{isa:?}: three threads change the result");
        let reference = first.get_or_insert_with(|| one.clone());
        let worst =
            one.iter().zip(reference.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{isa:?} is off by {worst}");
    }
}

#[test]
fn forward_passes_equal_pytorch() {
    let Some(checkpoint) = shared("golden/san.ckpt") else { return };
    let weights = Weights::from_bytes(&checkpoint).unwrap();
    let mut engine = CpuEngine::new(&weights, 0).unwrap();
    for k in 0..4 {
        let Some(golden) = shared(&format!("golden/forward_{k}.safetensors")) else { return };
        let file = safetensors::SafeTensors::deserialize(&golden).unwrap();
        let ((es, event), (bs, blur)) = (tensor(&file, "event"), tensor(&file, "blur"));
        let image = Image { data: &blur, height: bs[2], width: bs[3] };
        let voxels = [EventTensor { data: &event, height: es[2], width: es[3] }];
        let restored = engine.restore(&image, &voxels).unwrap().remove(0);
        for (name, got) in [("latent", &restored.latent), ("ratio", &restored.ratio)] {
            let (_, want) = tensor(&file, name);
            assert_eq!(got.len(), want.len());
            let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("forward_{k} {bs:?} {es:?}: {name} is off by {worst:e}");
            assert!(worst < 1e-4, "forward_{k}: {name} is off by {worst}");
        }
    }
}

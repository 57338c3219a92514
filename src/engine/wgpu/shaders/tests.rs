#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::engine::wgpu::adapters::needed;
use naga::AddressSpace;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn convolutions(matrices: Option<MatrixShape>) -> Vec<Kernel> {
    let mut all: Vec<Kernel> = Vec::new();
    for kernel in [1, 3, 5, 7] {
        for source in [Source::Plain, Source::Pooled, Source::Upsampled] {
            for (rectify, add) in [(false, false), (true, false), (true, true)] {
                let name = KernelName::Conv { kernel, source, rectify, add, matrices };
                all.push(name.into());
            }
        }
        let (source, rectify, add) = (Source::Plain, false, false);
        let name = KernelName::Conv { kernel, source, rectify, add, matrices };
        all.push(Kernel { wide: true, ..name.into() });
    }
    all
}

/// Every shader that a plan may use on any device.
fn kernels() -> Vec<Kernel> {
    let mut all = convolutions(None);
    for (kernel, vectors) in [(5, 4), (3, 8), (3, 16), (3, 32)] {
        all.push(KernelName::Deform { kernel, vectors }.into());
        all.push(KernelName::Fuse { vectors }.into());
    }
    let pictures = [false, true].map(|gray| HeadOutput::Picture { gray });
    let outputs = [HeadOutput::F32, HeadOutput::U8].into_iter().chain(pictures);
    all.extend(outputs.map(|output| KernelName::Head(output).into()));
    all.extend([false, true].map(|bytes| KernelName::Planes { bytes }.into()));
    all.extend([KernelName::Count, KernelName::Neighbours].map(Kernel::from));
    for vectors in [24, 25] {
        all.push(KernelName::ScaleCounts { vectors }.into());
    }
    all.push(KernelName::AppendPrior { vectors: 25 }.into());
    let shared: Vec<_> = all.iter().filter(|k| k.name.sharing().is_some()).cloned().collect();
    all.extend(shared.into_iter().map(|kernel| Kernel { subgroups: true, ..kernel }));
    all
}

#[test]
fn every_shader_is_valid_and_can_be_translated_for_vulkan_metal_and_directx() {
    for precision in [Precision::Single, Precision::Half] {
        for kernel in kernels() {
            let text = source(&kernel, precision);
            let module = naga::front::wgsl::parse_str(&text)
                .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
            let mut capabilities = match precision {
                Precision::Single => Capabilities::empty(),
                Precision::Half => Capabilities::SHADER_FLOAT16,
            };
            // Without the capability naga refuses operations on subgroups.
            let subgroups = kernel.subgroups || kernel.name == KernelName::Neighbours;
            capabilities.set(Capabilities::SUBGROUP, subgroups);
            assert_eq!(text.contains("subgroupBroadcast"), subgroups, "{kernel:?}");
            let info = Validator::new(ValidationFlags::all(), capabilities)
                .validate(&module)
                .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
            assert!(module.entry_points.iter().any(|e| e.name == kernel.name.entry()));
            // SPIR-V has subgroups since 1.3.
            let options = spv::Options { lang_version: (1, 3), ..spv::Options::default() };
            let words = spv::write_vec(&module, &info, &options, None);
            assert!(!words.unwrap().is_empty());
            // Of macOS 11 and iOS 14.
            let metal = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
            msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default()).unwrap();
            let directx = hlsl::Options {
                shader_model: hlsl::ShaderModel::V6_2,
                fake_missing_bindings: true,
                ..hlsl::Options::default()
            };
            let entry = hlsl::PipelineOptions::default();
            let mut text = String::new();
            hlsl::Writer::new(&mut text, &directx, &entry).write(&module, &info, None).unwrap();
            check_resources(&kernel, &module);
        }
    }
}

/// No driver here has cooperative matrices, so this is all that is known of these shaders.
#[test]
fn shaders_with_cooperative_matrices_are_valid_for_vulkan_and_metal() {
    for tile in [8, 16] {
        let shape = MatrixShape { tile, threads: 32 };
        for kernel in convolutions(Some(shape)) {
            let text = source(&kernel, Precision::Half);
            let module = naga::front::wgsl::parse_str(&text)
                .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
            let capabilities = Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
            let info = Validator::new(ValidationFlags::all(), capabilities)
                .validate(&module)
                .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
            let options = spv::Options { lang_version: (1, 3), ..spv::Options::default() };
            assert!(!spv::write_vec(&module, &info, &options, None).unwrap().is_empty());
            // Metal has matrices of 8x8 only.
            if tile == 8 {
                let metal = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
                msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default())
                    .unwrap();
            }
            check_resources(&kernel, &module);
        }
    }
}

/// Workgroup memory, invocations and bindings are those that a device is asked for.
fn check_resources(kernel: &Kernel, module: &naga::Module) {
    let limits = needed(&wgpu::Limits::default());
    let globals = || module.global_variables.iter().map(|(_, v)| v);
    let shared = globals().filter(|v| v.space == AddressSpace::WorkGroup);
    let bytes: u32 = shared.map(|v| module.types[v.ty].inner.size(module.to_ctx())).sum();
    assert!(bytes <= limits.max_compute_workgroup_storage_size, "{kernel:?}: {bytes} bytes");
    let bindings = kernel.name.bindings();
    assert_eq!(globals().filter(|v| v.binding.is_some()).count(), bindings.len());
    let buffers = bindings.chars().filter(|c| !matches!(c, 'u' | 't')).count();
    assert!(buffers <= limits.max_storage_buffers_per_shader_stage as usize);
    for entry in &module.entry_points {
        let invocations: u32 = entry.workgroup_size.iter().product();
        assert!(invocations <= limits.max_compute_invocations_per_workgroup);
    }
}

//! One dispatch of a shader.

use crate::engine::wgpu::device::Device;
use crate::engine::wgpu::shaders::Kernel;
use wgpu::{BindGroup, BindGroupEntry, BindingResource, ComputePass, ComputePipeline};

/// One dispatch.
#[derive(Clone)]
pub(in crate::engine::wgpu) struct Step {
    pipeline: ComputePipeline,
    group: BindGroup,
    /// Workgroups along the three axes.
    groups: [u32; 3],
}

impl Step {
    /// A dispatch of so many workgroups, with its bindings in order.
    pub(in crate::engine::wgpu) fn new<'a>(
        device: &mut Device,
        kernel: &Kernel,
        groups: [usize; 3],
        resources: impl IntoIterator<Item = BindingResource<'a>>,
    ) -> Self {
        let entry = |(binding, resource)| BindGroupEntry { binding, resource };
        let entries: Vec<_> = (0..).zip(resources).map(entry).collect();
        let pipeline = device.pipeline(kernel);
        let group = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name.file()),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self { pipeline, group, groups: groups.map(|n| n as u32) }
    }

    pub(in crate::engine::wgpu) fn run(&self, pass: &mut ComputePass<'_>) {
        let [x, y, z] = self.groups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

//! GPUs that are reached through an interface for graphics (Vulkan, Metal, DirectX): listed by burn, described by wgpu.
//!
//! Invariant: burn's nth adapter of a kind is wgpu's nth of that kind on the same interface; where the two do not count alike,
//! nothing is said of an adapter rather than something of another one.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ::burn::tensor::{Device, DeviceKind, DeviceType};
use wgpu::{Backends, Instance, InstanceDescriptor};

use super::adapter::{Adapter, AdapterKind};
use super::enumeration::found_or_none;

/// An interface for graphics, as burn and as wgpu call it.
pub(super) struct Interface {
    /// How burn lists its adapters.
    pub(super) listed: DeviceType,
    /// How burn opens one.
    pub(super) open: fn(DeviceKind) -> Device,
    /// Its name in wgpu.
    pub(super) backends: Backends,
}

/// The adapters on an interface.
pub(super) fn adapters(interface: Interface) -> Vec<Adapter> {
    let Interface { listed, open, backends } = interface;
    let devices = found_or_none(move || Device::enumerate(listed).into_vec());
    let described = found_or_none(move || describe(backends));
    let mut found: Vec<Adapter> = Vec::new();
    let kinds: [(AdapterKind, fn(usize) -> DeviceKind); 4] = [
        (AdapterKind::Discrete, DeviceKind::DiscreteGpu),
        (AdapterKind::Integrated, DeviceKind::IntegratedGpu),
        (AdapterKind::Virtual, DeviceKind::VirtualGpu),
        (AdapterKind::Software, |_| DeviceKind::Cpu),
    ];
    for (kind, of) in kinds {
        let mut own: Vec<Device> = Vec::new();
        for number in 0..devices.len() {
            let device = open(of(number));
            if devices.contains(&device) && !own.contains(&device) {
                own.push(device);
            }
        }
        let words: Vec<&Described> = described.iter().filter(|one| one.kind == kind).collect();
        for (number, device) in own.iter().enumerate() {
            let mut adapter = Adapter::of(device.clone(), kind);
            // The only software renderer that burn names is the first.
            if words.len() == own.len() || (kind == AdapterKind::Software && !words.is_empty()) {
                words[number].tell(&mut adapter);
            }
            found.push(adapter);
        }
    }
    let named: Vec<Device> = found.iter().map(|adapter| adapter.device.clone()).collect();
    found.extend(
        devices
            .into_iter()
            .filter(|device| !named.contains(device))
            .map(|device| Adapter::of(device, AdapterKind::Unknown)),
    );
    found
}

/// What wgpu says of an adapter.
#[derive(Debug, Clone)]
struct Described {
    kind: AdapterKind,
    name: String,
    driver: String,
    largest: u64,
    memory: Option<u64>,
}

impl Described {
    fn tell(&self, adapter: &mut Adapter) {
        adapter.name = Some(self.name.clone());
        adapter.driver = (!self.driver.is_empty()).then(|| self.driver.clone());
        adapter.largest_tensor = Some(self.largest);
        adapter.memory = self.memory;
    }
}

fn describe(backends: Backends) -> Vec<Described> {
    let instance = Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() });
    let adapters = ready(instance.enumerate_adapters(backends)).unwrap_or_default();
    let of = |adapter: &wgpu::Adapter| {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Unknown,
        };
        Described {
            kind,
            name: info.name,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            largest: u64::from(limits.max_storage_buffer_binding_size).min(limits.max_buffer_size),
            memory: memory(&info.device_pci_bus_id),
        }
    };
    adapters.iter().map(of).collect()
}

/// Bytes of memory of the GPU at an address of the PCI bus, where Linux's driver says (AMD's does).
fn memory(address: &str) -> Option<u64> {
    if address.is_empty() {
        return None;
    }
    let path = format!("/sys/bus/pci/devices/{address}/mem_info_vram_total");
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The value of a future that never waits, as those of wgpu outside browsers.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

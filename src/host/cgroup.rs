//! What the control groups of this process allow: memory and CPU time, in version 1 and version 2 of the interface.
//!
//! A process is in one group of each hierarchy (`/proc/self/cgroup`, cgroups(7)); a limit of any group above it binds as
//! well, so that every directory up to the mount point (`/proc/self/mountinfo`, proc(5)) is looked into. In a container
//! the mount may begin below the path that `/proc/self/cgroup` names: then the container's own directory, which is the
//! mount point, is what can be seen. Invariant: a file that is not there, or says "max", is no limit.

use std::path::{Component, Path, PathBuf};

use super::files::HostFiles;

/// Version 1 writes "no limit" as the greatest multiple of the page size in 63 bits; no machine has a tenth of this.
const UNLIMITED: u64 = 1 << 60;

/// A limit and the directory of the group that has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GroupLimit<T> {
    /// Directory of the group.
    pub(super) group: PathBuf,
    /// Bytes of memory, or CPUs.
    pub(super) limit: T,
}

/// Memory limits of the groups of this process, in bytes: `memory.max` and `memory.high` of version 2,
/// `memory.limit_in_bytes` of version 1.
pub(super) fn memory(files: &dyn HostFiles) -> Vec<GroupLimit<u64>> {
    let bytes = |path: PathBuf| files.text(&path)?.trim().parse::<u64>().ok().filter(|&bytes| bytes < UNLIMITED);
    let names = |version| match version {
        Version::One => &["memory.limit_in_bytes"][..],
        Version::Two => &["memory.max", "memory.high"][..],
    };
    limits(files, "memory", |version, group| names(version).iter().filter_map(|name| bytes(group.join(name))).min())
}

/// Limits of CPU time of the groups of this process, in CPUs: quota over period of `cpu.max` (version 2) or of
/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1).
pub(super) fn cpus(files: &dyn HostFiles) -> Vec<GroupLimit<f64>> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|&number| number > 0.0);
    limits(files, "cpu", |version, group| {
        let (quota, period) = match version {
            Version::One => {
                let read = |name: &str| number(&files.text(&group.join(name))?);
                (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
            }
            Version::Two => {
                let text = files.text(&group.join("cpu.max"))?;
                let (quota, period) = text.trim().split_once(' ')?;
                (number(quota)?, number(period)?)
            }
        };
        Some(quota / period)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What `read` finds in each group that this process is in, by a controller of version 1 or by version 2.
fn limits<T>(
    files: &dyn HostFiles,
    controller: &str,
    read: impl Fn(Version, &Path) -> Option<T>,
) -> Vec<GroupLimit<T>> {
    let groups = files.text(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let mounts = files.text(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let mut found = Vec::new();
    for (version, path) in groups.lines().filter_map(|line| group(line, controller)) {
        for mount in mounts.lines().filter_map(|line| Mount::read(line, version, controller)) {
            for directory in mount.directories(&path) {
                if let Some(limit) = read(version, &directory) {
                    found.push(GroupLimit { group: directory, limit });
                }
            }
        }
    }
    found
}

/// A line `hierarchy:controllers:path` of `/proc/self/cgroup`, if it is of version 2 or names the controller.
fn group(line: &str, controller: &str) -> Option<(Version, PathBuf)> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let version = match (hierarchy, controllers) {
        ("0", "") => Version::Two,
        _ if controllers.split(',').any(|name| name == controller) => Version::One,
        _ => return None,
    };
    Some((version, PathBuf::from(path)))
}

/// Where a hierarchy is mounted.
struct Mount {
    /// The group that is seen at the mount point.
    root: PathBuf,
    point: PathBuf,
}

impl Mount {
    /// A line of `/proc/self/mountinfo`, if it is the mount of version 2, or of version 1's controller: `id parent
    /// major:minor root point options [tags] - type source options`.
    fn read(line: &str, version: Version, controller: &str) -> Option<Mount> {
        let (place, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        let (kind, options) = (filesystem.next()?, filesystem.nth(1).unwrap_or_default());
        let is_it = match version {
            Version::One => kind == "cgroup" && options.split(',').any(|option| option == controller),
            Version::Two => kind == "cgroup2",
        };
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        is_it.then(|| Mount { root: unescaped(root), point: unescaped(point) })
    }

    /// Directories of the group at `path` and of all groups above it, as far as they can be seen.
    fn directories(&self, path: &Path) -> Vec<PathBuf> {
        let below = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        // Outside the root of a namespace of groups, the kernel writes a path through "..".
        let inside = below.components().all(|part| matches!(part, Component::Normal(_)));
        let own = if inside { self.point.join(below) } else { self.point.clone() };
        let up_to_point = own.ancestors().take_while(|directory| directory.starts_with(&self.point));
        up_to_point.map(Path::to_path_buf).collect()
    }
}

/// Blanks and backslashes stand as `\040` and the like in `/proc/self/mountinfo`.
fn unescaped(field: &str) -> PathBuf {
    let text = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (escape, character)| text.replace(escape, character));
    PathBuf::from(text)
}

//! Compiles for a process that hipRTC would end: the helper that `HADAL_HIPRTC_CHILD` may name.

fn main() {
    hadal_rocm::hiprtc_child();
    eprintln!("this program compiles for others: set HADAL_HIPRTC_CHILD to its path");
    std::process::exit(2);
}

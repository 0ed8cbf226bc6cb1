import type { System } from './system.ts';
import type { Gpu } from './types.ts';

// The driver's own library answers where nvidia-smi is missing, as in containers that were given only the parts for
// computing. The script needs nothing but Python's standard library. Numbers 75 and 76 are CUDA's attributes of the
// compute capability.
const SCRIPT = `
import ctypes, json, os
# The cards are counted as nvidia-smi and the trainer count them.
os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
try:
    cuda = ctypes.CDLL("libcuda.so.1")
except OSError:
    cuda = ctypes.CDLL("/usr/lib/wsl/lib/libcuda.so.1")
code = cuda.cuInit(0)
cards = []
if code == 0:
    count, device, major, minor, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    for number in range(count.value):
        cuda.cuDeviceGet(ctypes.byref(device), number)
        cuda.cuDeviceGetName(name, 256, device)
        cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
        cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        cards.append([name.value.decode("utf-8", "replace"), "%d.%d" % (major.value, minor.value), size.value])
version = ctypes.c_int()
cuda.cuDriverGetVersion(ctypes.byref(version))
print(json.dumps({"code": code, "cuda": version.value, "cards": cards}))`;

interface DriverAnswer {
  readonly code: number;
  /** CUDA version of the driver, such as 12040. */
  readonly cuda: number;
  readonly cards: readonly (readonly [string, string, number])[];
}

/** First driver of each CUDA version, newest first, from NVIDIA's release notes of the toolkits. */
const FIRST_DRIVER: readonly (readonly [number, string])[] = [
  [13000, '580.0'],
  [12080, '570.0'],
  [12060, '560.0'],
  [12040, '550.0'],
  [12000, '525.0'],
  [11000, '450.0'],
];

/**
 * The cards that the driver's library lists, numbered as torch will number them; empty when there is no card, no
 * library, or no Python to call it with. The library already respects CUDA_VISIBLE_DEVICES.
 */
export async function askCudaDriver(system: System, kernel: string | null): Promise<readonly Gpu[]> {
  const answer = await system.tool('python3', ['-I', '-'], SCRIPT);
  if (answer.kind !== 'answered') return [];
  let found: DriverAnswer;
  try {
    found = JSON.parse(answer.text) as DriverAnswer;
  } catch {
    return [];
  }
  const driver = kernel ?? FIRST_DRIVER.find(([cuda]) => found.cuda >= cuda)?.[1] ?? null;
  return found.cards.map(([name, capability, totalBytes], index) => ({
    vendor: 'nvidia',
    index,
    name,
    totalBytes,
    freeBytes: null,
    driver,
    capability,
  }));
}

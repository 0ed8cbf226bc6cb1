/** The uv that set-up fetches: its version, and the wheel of each system with size and hash as listed by PyPI. */

export const UV_VERSION = '0.13.9';

export interface UvFile {
  /** Name of the wheel on every index. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Wheels by system and processor, as Node names them. Source: pypi.org/pypi/uv/0.13.9/json. */
export const UV_FILES: Readonly<Record<string, UvFile>> = {
  'linux-x64': {
    name: 'uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    sha256: 'd7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19',
    bytes: 17_606_939,
  },
  'linux-arm64': {
    name: 'uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
    sha256: '5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe',
    bytes: 18_026_789,
  },
  'darwin-x64': {
    name: 'uv-0.13.9-py3-none-macosx_10_12_x86_64.whl',
    sha256: 'c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5',
    bytes: 17_529_974,
  },
  'darwin-arm64': {
    name: 'uv-0.13.9-py3-none-macosx_11_0_arm64.whl',
    sha256: '66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63',
    bytes: 14_660_755,
  },
};

/** The wheel for this machine; undefined where none is pinned, or PyTorch has no build either. */
export const uvFile = (platform: string, arch: string): UvFile | undefined => UV_FILES[`${platform}-${arch}`];

const OFF = ['', '0', 'false', 'no', 'off'];

/** Whether a variable that is a switch, such as CI or VISIONTRAIN_OFFLINE, is switched on. */
export const isOn = (value: string | undefined): boolean => value !== undefined && !OFF.includes(value.toLowerCase());

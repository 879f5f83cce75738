import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../runtime/definition/config.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const networks = (yaml: string) =>
  parseConfig({ file: '/etc/run-agent/config.yaml', text: `networks: ${yaml}\n` }).networks
const mistakes = (yaml: string): readonly string[] => summaries(problemsOf(() => networks(yaml)))

describe('networks', () => {
  it('are read whole, the authority beside the configuration', () => {
    expect(
      networks(
        '[{ hosts: [a.corp.example, "*.svc.example"], addresses: [10.20.0.0/16, "fd12::/16"], http: true, ca: ./ca.pem }]',
      ),
    ).toEqual([
      {
        grant: { hosts: ['a.corp.example', '*.svc.example'], addresses: ['10.20.0.0/16', 'fd12::/16'], http: true },
        ca: '/etc/run-agent/ca.pem',
      },
    ])
    expect(networks('[{ hosts: [a.example], addresses: [10.0.0.0/8] }]')).toEqual([
      { grant: { hosts: ['a.example'], addresses: ['10.0.0.0/8'], http: false }, ca: undefined },
    ])
    expect(networks('[{ hosts: [10.0.0.7], addresses: [10.0.0.7/32], http: false }]')).toMatchObject([
      { grant: { hosts: ['10.0.0.7'], http: false } },
    ])
  })

  it.each([
    ['[{ hosts: [a.example] }]', 'a network must have `hosts` and `addresses`'],
    ['[{ addresses: [10.0.0.0/8] }]', 'a network must have `hosts` and `addresses`'],
    ['[{ hosts: ["*"], addresses: [10.0.0.0/8] }]', 'is not one host'],
    ['[{ hosts: ["*.local"], addresses: [10.0.0.0/8] }]', 'a whole top-level domain'],
    ['[{ hosts: ["a.*.example"], addresses: [10.0.0.0/8] }]', 'is not one host'],
    ['[{ hosts: ["A.example"], addresses: [10.0.0.0/8] }]', 'is not one host'],
    ['[{ hosts: ["a.example:80"], addresses: [10.0.0.0/8] }]', 'is not one host'],
    ['[{ hosts: [a.example.], addresses: [10.0.0.0/8] }]', 'is not one host'],
    ['[{ hosts: [a.example], addresses: [10.0.0.1] }]', 'is not a range of addresses'],
    ['[{ hosts: [a.example], addresses: [10.0.0.1/8] }]', 'is not a range of addresses'],
    ['[{ hosts: [a.example], addresses: [10.0.0.0/33] }]', 'is not a range of addresses'],
    ['[{ hosts: [a.example], addresses: ["fd12::1/16"] }]', 'is not a range of addresses'],
    ['[{ hosts: [a.example], addresses: [any] }]', 'is not a range of addresses'],
    ['[{ hosts: [a.example], addresses: [127.0.0.0/8] }]', 'never reached by a network'],
    ['[{ hosts: [a.example], addresses: [169.254.0.0/16] }]', 'never reached by a network'],
    ['[{ hosts: [a.example], addresses: [169.254.169.254/32] }]', 'never reached by a network'],
    ['[{ hosts: [a.example], addresses: ["::1/128"] }]', 'never reached by a network'],
    ['[{ hosts: [a.example], addresses: ["fe80::/10"] }]', 'never reached by a network'],
    ['[{ hosts: [a.example], addresses: [10.0.0.0/8], http: yes }]', '`http` must be true or false'],
    ['[{ hosts: [a.example], addresses: [10.0.0.0/8], cas: x }]', 'unknown key'],
    ['[]', 'is empty'],
    ['[{ hosts: [], addresses: [10.0.0.0/8] }]', 'is empty'],
    ['[{ hosts: [a.example], addresses: [] }]', 'is empty'],
  ])('%s: %s', (yaml, message) => {
    expect(mistakes(yaml)).toEqual([expect.stringContaining(message)])
  })
})
